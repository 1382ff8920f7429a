"""Verification of deliveries: Kick's RSA scheme, its older HMAC one, and WebSub's."""

import base64
import binascii
import hashlib
import hmac
from datetime import datetime, timezone

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from config import Config
from services import kick_keys

# header by which a scheme is known -> scheme
SCHEMES = {
    'Kick-Event-Signature': 'rsa',
    'X-Kick-Signature': 'hmac',
}

_HUB_ALGORITHMS = {'sha1': hashlib.sha1, 'sha256': hashlib.sha256}


def _same(given, expected):
    """Compare in constant time, whatever the header holds."""
    return hmac.compare_digest(given.encode('utf-8', 'replace'), expected.encode())


def _fresh(stamp):
    """Tell whether an ISO timestamp is within the window."""
    try:
        sent = datetime.fromisoformat(stamp.replace('Z', '+00:00'))
    except ValueError:
        return False
    if sent.tzinfo is None:
        sent = sent.replace(tzinfo=timezone.utc)
    age = (datetime.now(timezone.utc) - sent).total_seconds()
    return abs(age) <= Config.WEBHOOK_MAX_AGE


async def _rsa(headers, raw):
    """Check ``id.timestamp.body`` against Kick's public key."""
    message_id = headers.get('Kick-Event-Message-Id', '')
    stamp = headers.get('Kick-Event-Message-Timestamp', '')
    if not message_id or not _fresh(stamp):
        return False
    signed = f'{message_id}.{stamp}.'.encode('utf-8', 'replace') + raw
    try:
        signature = base64.b64decode(headers['Kick-Event-Signature'], validate=True)
    except (binascii.Error, ValueError):
        return False
    key = await kick_keys.public_key()
    try:
        key.verify(signature, signed, padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        return False
    return True


async def _hmac(headers, raw):
    """Check the HMAC of the body, the way of the first integrations."""
    if not Config.KICK_WEBHOOK_SECRET:
        return False
    secret = Config.KICK_WEBHOOK_SECRET.encode()
    expected = hmac.new(secret, raw, hashlib.sha256).hexdigest()
    return _same(headers['X-Kick-Signature'].removeprefix('sha256='), expected)


async def _bare(headers, raw):
    """Deliveries that carry none of the known headers."""
    return not Config.KICK_REQUIRE_SIGNATURE


_CHECKS = {'rsa': _rsa, 'hmac': _hmac}


async def verify_kick(headers, raw):
    """Tell whether a Kick delivery is genuine."""
    scheme = next((name for header, name in SCHEMES.items() if header in headers), None)
    check = _CHECKS.get(scheme, _bare)
    return await check(headers, raw)


def verify_hub(headers, raw):
    """Tell whether a WebSub delivery is the hub's."""
    algorithm, _, given = headers.get('X-Hub-Signature', '').partition('=')
    digest = _HUB_ALGORITHMS.get(algorithm)
    if digest is None or not Config.YOUTUBE_WEBSUB_SECRET:
        return False
    expected = hmac.new(Config.YOUTUBE_WEBSUB_SECRET.encode(), raw, digest).hexdigest()
    return _same(given, expected)


def verify_hub_token(given):
    """Tell whether the verify token is the one we gave the hub."""
    return bool(Config.YOUTUBE_VERIFY_TOKEN) and _same(given or '', Config.YOUTUBE_VERIFY_TOKEN)
