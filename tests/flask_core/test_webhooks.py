"""Each platform's own way to sign, with the values they publish, and what is near to it."""

import base64
import hashlib
import hmac
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from flask_core import webhooks
from flask_core.webhooks import SCHEMES, Proof, verify_webhook

SECRET = "It's a secret to everybody, and a long one"
BODY = b'{"event": "follow", "text": "\xc3\xa4"}'
ED25519 = Ed25519PrivateKey.generate()
RSA = rsa.generate_private_key(65537, 2048)
Headers = dict[str, str]


def mac(text: bytes, name: str = "sha256") -> str:
    """The hex HMAC under SECRET."""
    return hmac.new(SECRET.encode(), text, name).hexdigest()


def twitch(body: bytes, now: float) -> Headers:
    """As EventSub signs."""
    stamp = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%S.123456789Z")
    return {
        "Twitch-Eventsub-Message-Id": "msg-1",
        "Twitch-Eventsub-Message-Timestamp": stamp,
        "Twitch-Eventsub-Message-Type": "notification",
        "Twitch-Eventsub-Message-Signature": "sha256="
        + mac(b"msg-1" + stamp.encode() + body),
    }


def discord(body: bytes, now: float) -> Headers:
    """As interactions are signed."""
    stamp = str(int(now))
    return {
        "X-Signature-Timestamp": stamp,
        "X-Signature-Ed25519": ED25519.sign(stamp.encode() + body).hex(),
    }


def slack(body: bytes, now: float) -> Headers:
    """As Slack signs."""
    stamp = str(int(now))
    return {
        "X-Slack-Request-Timestamp": stamp,
        "X-Slack-Signature": "v0=" + mac(b"v0:" + stamp.encode() + b":" + body),
    }


def kick(body: bytes, now: float) -> Headers:
    """As Kick signs."""
    stamp = datetime.fromtimestamp(now, UTC).isoformat()
    signed = b".".join((b"msg-1", stamp.encode(), body))
    signature = RSA.sign(signed, padding.PKCS1v15(), hashes.SHA256())
    return {
        "Kick-Event-Message-Id": "msg-1",
        "Kick-Event-Message-Timestamp": stamp,
        "Kick-Event-Type": "chat.message.sent",
        "Kick-Event-Signature": base64.b64encode(signature).decode(),
    }


SIGNERS: dict[str, Any] = {
    "twitch_eventsub": twitch,
    "discord_interactions": discord,
    "slack_v0": slack,
    "kick_rsa": kick,
    "kick_hmac_legacy": lambda body, now: {"X-Kick-Signature": mac(body)},
    "youtube_websub": lambda body, now: {
        "X-Hub-Signature": "sha1=" + mac(body, "sha1")
    },
    "generic_hmac": lambda body, now: {"X-Webhook-Signature": "sha256=" + mac(body)},
}
KEYS = {
    "discord_interactions": ED25519.public_key().public_bytes_raw().hex(),
    "kick_rsa": RSA.public_key()
    .public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    .decode(),
}
DATED = ("twitch_eventsub", "discord_interactions", "slack_v0", "kick_rsa")


def verify(
    scheme: str, headers: Mapping[str, str], body: bytes = BODY, key: str | None = None
) -> Proof | None:
    """What the scheme's verifier makes of a delivery."""
    secret = KEYS.get(scheme, SECRET) if key is None else key
    return SCHEMES[scheme](headers, body, secret)


def test_every_scheme_has_a_signer_here() -> None:
    """A scheme that is added is tried."""
    assert set(SCHEMES) == set(SIGNERS)


@pytest.mark.parametrize("scheme", SIGNERS)
def test_what_the_platform_signed_is_accepted(scheme: str) -> None:
    """Its id and type are known where the platform sends them."""
    proof = verify(scheme, SIGNERS[scheme](BODY, time.time()))

    assert proof is not None
    assert ("msg-1" if scheme in ("twitch_eventsub", "kick_rsa") else None) == proof.id


@pytest.mark.parametrize("scheme", SIGNERS)
def test_one_changed_bit_is_refused(scheme: str) -> None:
    """Of the body, of any header that counts, or of the key."""
    headers = SIGNERS[scheme](BODY, time.time())
    assert None is verify(scheme, headers, BODY + b" ")
    assert None is verify(scheme, headers, BODY.replace(b"follow", b"fellow"))
    for name, value in headers.items():
        if name.endswith("-Type"):
            continue
        middle = len(value) // 2
        other = "1" if value[middle] != "1" else "2"
        changed = value[:middle] + other + value[middle + 1 :]
        assert None is verify(scheme, {**headers, name: changed}), name
        assert None is verify(scheme, {**headers, name: ""}), name
        without = {key: text for key, text in headers.items() if key != name}
        assert None is verify(scheme, without), name
    for key in ("", "another secret of the same length as ours", "00" * 32):
        assert None is verify(scheme, headers, key=key)


@pytest.mark.parametrize("scheme", SIGNERS)
@pytest.mark.parametrize(
    "signature",
    [
        "",
        "sha256=",
        "v0=",
        "\xe9\xff",
        "sha256=\u0660",
        "x" * 10_000,
        "None",
        "sha1=\x00",
    ],
    ids=ascii,
)
def test_a_malformed_signature_is_refused_and_raises_nothing(
    scheme: str, signature: str
) -> None:
    """Whatever a header can hold."""
    headers = SIGNERS[scheme](BODY, time.time())
    for name in headers:
        if "Signature" in name and "Timestamp" not in name:
            assert None is verify(scheme, {**headers, name: signature})


@pytest.mark.parametrize("scheme", DATED)
@pytest.mark.parametrize("age", [3600, -3600])
def test_a_delivery_that_is_too_old_or_from_the_future_is_refused(
    scheme: str, age: int
) -> None:
    """Though its signature is right."""
    assert None is verify(scheme, SIGNERS[scheme](BODY, time.time() - age))
    assert None is not verify(scheme, SIGNERS[scheme](BODY, time.time() - 60))


def test_slack_as_its_documentation_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    """The example of Slack's own page about verifying requests."""
    monkeypatch.setattr(webhooks, "_is_fresh", lambda seconds, age: True)
    body = (
        b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow"
        b"&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner"
        b"&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com"
        b"%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
        b"&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
    )
    signature = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
    headers = {
        "X-Slack-Request-Timestamp": "1531420618",
        "X-Slack-Signature": signature,
    }

    assert Proof() == SCHEMES["slack_v0"](
        headers, body, "8f742231b10e8888abcd99yyyzzz85a5"
    )


def test_the_generic_hmac_as_github_shows() -> None:
    """GitHub's published test value of the same construction."""
    expected = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"

    assert verify_webhook(b"Hello, World!", expected, "It's a Secret to Everybody")
    assert verify_webhook(
        b"Hello, World!", f"sha256={expected}", "It's a Secret to Everybody"
    )
    assert not verify_webhook(b"Hello, World!", None, "It's a Secret to Everybody")


def test_hmac_as_rfc_4231_shows() -> None:
    """Test case 2."""
    expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"

    assert verify_webhook(b"what do ya want for nothing?", expected, "Jefe")


def test_websub_may_sign_with_sha256() -> None:
    """And with nothing weaker than sha1."""
    headers = {"X-Hub-Signature": f"sha256={mac(BODY)}"}
    assert Proof() == verify("youtube_websub", headers)
    md5 = hmac.new(SECRET.encode(), BODY, hashlib.md5).hexdigest()

    assert None is verify("youtube_websub", {"X-Hub-Signature": f"md5={md5}"})
