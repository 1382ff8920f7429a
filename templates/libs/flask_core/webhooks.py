"""Prove that a platform sent what claims to come from it.

Each scheme reads the raw body, compares in constant time and fails closed: without a secret
nothing passes. Serves "Webhook Signature Verification".
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import functools
import hashlib
import hmac
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ParamSpec

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from pydantic import SecretStr
from quart import Response, request

from flask_core.api import create_response, text_response
from flask_core.connection import read_whole
from flask_core.context import request_state
from flask_core.datamodels import ANONYMOUS, Call, WebhookDelivery
from flask_core.errors import ApiError, DependencyUnavailable
from flask_core.logging import log_auth_event
from flask_core.resources import resources

P = ParamSpec("P")
View = Callable[P, Awaitable[Response]]
Headers = Mapping[str, str]
Secret = Callable[[], SecretStr | str | None]


@dataclass(frozen=True, slots=True)
class Proof:
    """What a signature proved: the delivery's id, its type and its age's limit."""

    id: str | None = None
    type: str | None = None


def verify_webhook(payload_bytes: bytes, signature: str | None, secret: str) -> bool:
    """Whether `signature` is the hex HMAC-SHA256 of the body, `sha256=` in front or not."""
    given = (signature or "").removeprefix("sha256=")
    return _same_hmac(payload_bytes, given, secret)


def _same_hmac(signed: bytes, given: str, secret: str, name: str = "sha256") -> bool:
    """Compare a hex HMAC in constant time; False for anything malformed."""
    if not secret or not given:
        return False
    expected = hmac.new(secret.encode(), signed, name).hexdigest()
    return hmac.compare_digest(expected.encode(), given.encode("utf-8", "replace"))


def _is_fresh(seconds: float, max_age: float) -> bool:
    """Whether a time stamp is near enough to now, on either side."""
    return abs(time.time() - seconds) <= max_age


def _epoch(text: str) -> float | None:
    """The seconds of a time stamp: a number, or RFC 3339 with up to nanoseconds."""
    if re.fullmatch(r"[0-9]{1,12}", text, re.ASCII):
        return float(text)
    try:
        shortened = re.sub(r"(\.\d{6})\d+", r"\1", text)
        moment = datetime.fromisoformat(shortened.replace("Z", "+00:00"))
    except ValueError:
        return None
    return moment.timestamp() if moment.tzinfo else None


def verify_twitch(
    headers: Headers, body: bytes, secret: str, max_age: float = 600
) -> Proof | None:
    """EventSub: `sha256=` + HMAC of id, time stamp and body."""
    identifier = headers.get("Twitch-Eventsub-Message-Id", "")
    stamp = headers.get("Twitch-Eventsub-Message-Timestamp", "")
    given = headers.get("Twitch-Eventsub-Message-Signature", "")
    seconds = _epoch(stamp)
    signed = identifier.encode() + stamp.encode() + body
    if not identifier or seconds is None or not given.startswith("sha256="):
        return None
    if not _same_hmac(signed, given.removeprefix("sha256="), secret):
        return None
    kind = headers.get("Twitch-Eventsub-Message-Type")
    return Proof(identifier, kind) if _is_fresh(seconds, max_age) else None


def verify_discord(headers: Headers, body: bytes, public_key: str) -> Proof | None:
    """Interactions: Ed25519 over time stamp and body."""
    stamp = headers.get("X-Signature-Timestamp", "")
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key))
        signature = bytes.fromhex(headers.get("X-Signature-Ed25519", ""))
        key.verify(signature, stamp.encode() + body)
    except (ValueError, InvalidSignature):
        return None
    seconds = _epoch(stamp)
    return Proof() if seconds is not None and _is_fresh(seconds, 600) else None


def verify_slack(
    headers: Headers, body: bytes, secret: str, max_age: float = 300
) -> Proof | None:
    """`v0=` + HMAC of `v0:`, time stamp, `:` and body."""
    stamp = headers.get("X-Slack-Request-Timestamp", "")
    given = headers.get("X-Slack-Signature", "")
    seconds = _epoch(stamp)
    if seconds is None or not given.startswith("v0="):
        return None
    signed = b"v0:" + stamp.encode() + b":" + body
    if not _same_hmac(signed, given.removeprefix("v0="), secret):
        return None
    return Proof() if _is_fresh(seconds, max_age) else None


def verify_kick(
    headers: Headers, body: bytes, public_key: str, max_age: float = 300
) -> Proof | None:
    """RSA PKCS#1 v1.5 over id, time stamp and body, joined by dots."""
    identifier = headers.get("Kick-Event-Message-Id", "")
    stamp = headers.get("Kick-Event-Message-Timestamp", "")
    seconds = _epoch(stamp)
    signed = b".".join((identifier.encode(), stamp.encode(), body))
    try:
        key = load_pem_public_key(public_key.encode())
        signature = base64.b64decode(
            headers.get("Kick-Event-Signature", ""), validate=True
        )
        if not isinstance(key, RSAPublicKey) or not identifier or seconds is None:
            return None
        key.verify(signature, signed, padding.PKCS1v15(), hashes.SHA256())
    except (ValueError, binascii.Error, InvalidSignature):
        return None
    kind = headers.get("Kick-Event-Type")
    return Proof(identifier, kind) if _is_fresh(seconds, max_age) else None


def verify_kick_legacy(headers: Headers, body: bytes, secret: str) -> Proof | None:
    """HMAC of the body alone, in hex."""
    given = headers.get("X-Kick-Signature", "")
    return Proof() if _same_hmac(body, given, secret) else None


def verify_websub(headers: Headers, body: bytes, secret: str) -> Proof | None:
    """WebSub: `sha1=` or `sha256=` + HMAC of the body."""
    name, _, given = headers.get("X-Hub-Signature", "").partition("=")
    if name not in ("sha1", "sha256"):
        return None
    return Proof() if _same_hmac(body, given, secret, name) else None


def verify_generic(headers: Headers, body: bytes, secret: str) -> Proof | None:
    """`sha256=` + HMAC of the body."""
    given = headers.get("X-Webhook-Signature", "")
    if not given.startswith("sha256="):
        return None
    return Proof() if verify_webhook(body, given, secret) else None


Verify = Callable[[Headers, bytes, str], Proof | None]
SCHEMES: dict[str, Verify] = {
    "twitch_eventsub": verify_twitch,
    "discord_interactions": verify_discord,
    "slack_v0": verify_slack,
    "kick_rsa": verify_kick,
    "kick_hmac_legacy": verify_kick_legacy,
    "youtube_websub": verify_websub,
    "generic_hmac": verify_generic,
}
REMEMBERED_SECONDS = 1200
CLAIMED_SECONDS = 60
_CLAIMED, _DONE = b"claimed", b"done"


def webhook(
    scheme: str, secret: Secret, verify_token: Secret | None = None
) -> Callable[[View[P]], View[P]]:
    """Let a view see only deliveries that the platform signed, each once.

    401 for a wrong or missing signature (403 for Twitch, as Twitch documents), 503 while
    the secret is not configured. Challenges are answered here.
    """
    verify = SCHEMES[scheme]

    def decorate(view: View[P]) -> View[P]:
        @functools.wraps(view)
        async def verified(*args: P.args, **kwargs: P.kwargs) -> Response:
            state = request_state()
            state.call = Call(ANONYMOUS, None, None, state.correlation_id)
            if request.method == "GET":
                return _subscription(scheme, verify_token)
            delivery = await _verify(scheme, verify, _plain(secret))
            challenge = _challenge(scheme, delivery)
            if challenge is not None:
                return challenge
            state.delivery = delivery
            key = _key(delivery)
            if key is None:
                return await view(*args, **kwargs)
            return await _once(key, lambda: view(*args, **kwargs))

        return verified

    return decorate


def current_delivery() -> WebhookDelivery:
    """The verified delivery being handled."""
    delivery = request_state().delivery
    if delivery is None:
        raise LookupError("the route has no @webhook")
    return delivery


def _plain(secret: Secret) -> str:
    """The secret's text; 503 when there is none."""
    value = secret()
    text = value.get_secret_value() if isinstance(value, SecretStr) else value
    if not text:
        log_auth_event(None, None, request.path, "failure", reason="no_secret")
        raise ApiError(503, "service_unavailable", "this webhook is not configured")
    return text


async def _verify(scheme: str, verify: Verify, secret: str) -> WebhookDelivery:
    """The delivery, when the platform signed it."""
    body = await read_whole()
    headers = dict(request.headers)
    proof = verify(headers, body, secret)
    if proof is None:
        log_auth_event(None, None, request.path, "failure", reason="invalid_signature")
        status, error = (
            (403, "forbidden") if scheme == "twitch_eventsub" else (401, "unauthorized")
        )
        raise ApiError(status, error, "the signature is missing, wrong or too old")
    log_auth_event(None, scheme, request.path, "success")
    return WebhookDelivery(scheme, proof.id, proof.type, body, _json(body), headers)


def _json(body: bytes) -> Any:
    """The body as JSON, or None."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


def _challenge(scheme: str, delivery: WebhookDelivery) -> Response | None:
    """The answer a platform wants to hear before it sends anything."""
    match scheme, delivery.json:
        case "twitch_eventsub", {"challenge": str(text)} if (
            delivery.type == "webhook_callback_verification"
        ):
            return text_response(text)
        case "slack_v0", {"type": "url_verification", "challenge": str(text)}:
            return text_response(text)
        case "discord_interactions", {"type": 1}:
            return create_response({"type": 1})
    return None


def _subscription(scheme: str, verify_token: Secret | None) -> Response:
    """Answer a WebSub hub that asks whether we want a subscription."""
    wanted = _plain(verify_token) if verify_token else ""
    given = request.args.get("hub.verify_token", "")
    challenge = request.args.get("hub.challenge", "")
    same = hmac.compare_digest(wanted.encode(), given.encode("utf-8", "replace"))
    if scheme != "youtube_websub" or not wanted or not same or not challenge:
        log_auth_event(None, None, request.path, "failure", reason="invalid_token")
        raise ApiError(403, "forbidden", "this is not a subscription of ours")
    return text_response(challenge[:500])


def _key(delivery: WebhookDelivery) -> str | None:
    """What a delivery is remembered by.

    A scheme that signs neither an id nor a time cannot tell a repetition from an equal
    event, so nothing is held back there.
    """
    identifier, stamp = delivery.id, _stamp(delivery.headers)
    if identifier is None and stamp:
        identifier = hashlib.sha256(stamp + delivery.body).hexdigest()
    if identifier is None or resources().redis_or_none is None:
        return None
    return f"waddlebot:webhook:{delivery.scheme}:{identifier}"


async def _once(key: str, view: Callable[[], Awaitable[Response]]) -> Response:
    """Take a delivery in unless that was done before.

    It counts as done when the view has answered: one that failed may be delivered again.
    """
    redis = resources().redis
    try:
        claimed = await redis.do("SET", key, _CLAIMED, "NX", "EX", CLAIMED_SECONDS)
        state = None if claimed else await redis.do("GET", key)
    except DependencyUnavailable:
        raise _send_again("deliveries cannot be told apart right now") from None
    if not claimed:
        if state == _DONE:
            return create_response({"success": True})
        raise _send_again("this delivery is being handled")
    try:
        answer = await view()
    except BaseException:
        with contextlib.suppress(DependencyUnavailable):
            await redis.do("DEL", key)
        raise
    with contextlib.suppress(DependencyUnavailable):
        await redis.do("SET", key, _DONE, "EX", REMEMBERED_SECONDS)
    return answer


def _send_again(why: str) -> ApiError:
    """503 that asks the platform to deliver once more."""
    message = f"{why}, send it again"
    return ApiError(503, "service_unavailable", message, {"Retry-After": "5"})


def _stamp(headers: Headers) -> bytes:
    """What makes two equal bodies different deliveries: the signed time stamp."""
    for name in ("X-Slack-Request-Timestamp", "X-Signature-Timestamp"):
        if name in headers:
            return headers[name].encode()
    return b""
