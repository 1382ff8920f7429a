"""HMAC signatures GitHub puts on its deliveries."""

import hashlib
import hmac

PREFIX = "sha256="


def sign(secret: str, payload: bytes) -> str:
    """Header value GitHub would send for ``payload``."""
    digest = hmac.new(secret.encode(), payload, hashlib.sha256).hexdigest()
    return PREFIX + digest


def verify(secret: str, payload: bytes, header: str) -> bool:
    """Constant-time comparison of the header with our own digest."""
    if not secret or not header.startswith(PREFIX):
        return False
    return hmac.compare_digest(sign(secret, payload), header)
