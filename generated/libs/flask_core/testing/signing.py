"""Deliveries signed as the platforms sign them, for each scheme of flask_core.webhooks."""

from __future__ import annotations

import base64
import functools
import hmac
import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import orjson
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

Headers = dict[str, str]
Sign = Callable[[bytes, float, str, str], Headers]


class Signer:
    """One platform; `secret` is what a module has to know to believe it."""

    def __init__(self, scheme: str, secret: str | None = None) -> None:
        """A scheme of `webhooks.SCHEMES`; raises KeyError for another one."""
        self._sign = _SIGN[scheme]
        made = _PUBLIC.get(scheme, functools.partial(secrets.token_urlsafe, 32))
        self.secret = made() if secret is None else secret

    def headers(self, body: bytes, now: float | None = None, id: str = "") -> Headers:
        """The headers of a delivery sent at a time, in seconds; now unless said."""
        sent = time.time() if now is None else now
        return self._sign(body, sent, id or f"msg-{secrets.token_hex(8)}", self.secret)

    def delivery(self, event: Any, **more: Any) -> dict[str, Any]:
        """An event as `data` and `headers` of a request."""
        body = orjson.dumps(event)
        headers = {"Content-Type": "application/json", **self.headers(body, **more)}
        return {"data": body, "headers": headers}


@functools.cache
def _ed25519() -> Ed25519PrivateKey:
    """The key that Discord keeps."""
    return Ed25519PrivateKey.generate()


@functools.cache
def _rsa() -> rsa.RSAPrivateKey:
    """The key that Kick keeps."""
    return rsa.generate_private_key(65537, 2048)


def _ed25519_public() -> str:
    """What Discord tells."""
    return _ed25519().public_key().public_bytes_raw().hex()


def _rsa_public() -> str:
    """What Kick tells."""
    form = (Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return _rsa().public_key().public_bytes(*form).decode()


def _mac(secret: str, signed: bytes, name: str = "sha256") -> str:
    """The hex HMAC."""
    return hmac.new(secret.encode(), signed, name).hexdigest()


def _twitch(body: bytes, now: float, id: str, secret: str) -> Headers:
    """As EventSub signs."""
    stamp = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%S.123456789Z")
    signature = _mac(secret, id.encode() + stamp.encode() + body)
    return {
        "Twitch-Eventsub-Message-Id": id,
        "Twitch-Eventsub-Message-Timestamp": stamp,
        "Twitch-Eventsub-Message-Type": "notification",
        "Twitch-Eventsub-Message-Signature": f"sha256={signature}",
    }


def _discord(body: bytes, now: float, id: str, secret: str) -> Headers:
    """As interactions are signed."""
    stamp = str(int(now))
    signature = _ed25519().sign(stamp.encode() + body).hex()
    return {"X-Signature-Timestamp": stamp, "X-Signature-Ed25519": signature}


def _slack(body: bytes, now: float, id: str, secret: str) -> Headers:
    """As Slack signs."""
    stamp = str(int(now))
    signature = _mac(secret, b"v0:" + stamp.encode() + b":" + body)
    return {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": f"v0={signature}"}


def _kick(body: bytes, now: float, id: str, secret: str) -> Headers:
    """As Kick signs."""
    stamp = datetime.fromtimestamp(now, UTC).isoformat()
    signed = b".".join((id.encode(), stamp.encode(), body))
    signature = _rsa().sign(signed, padding.PKCS1v15(), hashes.SHA256())
    return {
        "Kick-Event-Message-Id": id,
        "Kick-Event-Message-Timestamp": stamp,
        "Kick-Event-Type": "chat.message.sent",
        "Kick-Event-Signature": base64.b64encode(signature).decode(),
    }


def _kick_legacy(body: bytes, now: float, id: str, secret: str) -> Headers:
    """As Kick signed before."""
    return {"X-Kick-Signature": _mac(secret, body)}


def _websub(body: bytes, now: float, id: str, secret: str) -> Headers:
    """As YouTube's hub signs."""
    return {"X-Hub-Signature": f"sha1={_mac(secret, body, 'sha1')}"}


def _generic(body: bytes, now: float, id: str, secret: str) -> Headers:
    """As most others sign."""
    return {"X-Webhook-Signature": f"sha256={_mac(secret, body)}"}


_PUBLIC = {"discord_interactions": _ed25519_public, "kick_rsa": _rsa_public}
_SIGN: dict[str, Sign] = {
    "twitch_eventsub": _twitch,
    "discord_interactions": _discord,
    "slack_v0": _slack,
    "kick_rsa": _kick,
    "kick_hmac_legacy": _kick_legacy,
    "youtube_websub": _websub,
    "generic_hmac": _generic,
}
