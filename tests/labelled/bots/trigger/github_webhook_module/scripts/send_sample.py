"""Send a signed sample delivery to a running receiver (developer tool)."""

import json
import sys
import time
import urllib.request
import uuid
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import config  # noqa: E402
from services.signature import sign  # noqa: E402


def main() -> int:
    """Wait for the receiver, then post the sample."""
    base = f"http://localhost:{config.MODULE_PORT}"
    for _ in range(10):
        try:
            urllib.request.urlopen(f"{base}/health", timeout=2)
            break
        except OSError:
            time.sleep(1)
    raw = json.dumps({"zen": "Keep it logically awesome."}).encode()
    req = urllib.request.Request(
        f"{base}/webhook/github",
        data=raw,
        headers={
            "X-GitHub-Event": "ping",
            "X-GitHub-Delivery": str(uuid.uuid4()),
            "X-Hub-Signature-256": sign(config.WEBHOOK_SECRET, raw),
        },
    )
    with urllib.request.urlopen(req, timeout=5) as resp:
        print(resp.status, resp.read().decode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
