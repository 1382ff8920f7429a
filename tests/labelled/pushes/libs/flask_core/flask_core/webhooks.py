"""Signature helpers."""

import hashlib
import hmac
from typing import Optional


def sign(body: bytes, secret: str) -> str:
    """`sha256=<hex>` over the raw body."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def verify(body: bytes, signature: Optional[str], secret: Optional[str]) -> bool:
    """Constant-time check; False if either side is missing."""
    if not signature or not secret:
        return False
    return hmac.compare_digest(
        sign(body, secret).encode(), signature.encode("utf-8", "replace")
    )
