"""What names mean: which ones hold secrets, which only talk about them."""

from __future__ import annotations

import re
from collections.abc import Iterable

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_SECRETS = frozenset(
    "secret secrets token tokens password passwd passwords pwd passphrase apikey apikeys "
    "credential credentials jwt authorization".split()
)
_PAIRS = frozenset(
    "api_key api_keys secret_key access_key private_key auth_key signing_key encryption_key "
    "service_key master_key hmac_key webhook_key license_key fernet_key auth_header "
    "auth_token client_secret session_key cookie_key admin_key router_key signing_secret "
    "stream_key".split()
)
# A name that goes on like this is about a secret, and holds none.
_ABOUT = frozenset(
    "url uri path file name field header headers type types ttl expiry expires expiration "
    "expire lifetime timeout age id ids count limit max min length len size buffer bucket "
    "prefix suffix pattern regex format param parameter env var variable endpoint algorithm "
    "alg hash hashed digest status valid validity scheme required enabled rotation interval "
    "refresh days hours minutes seconds error message hint label title description column "
    "table index store manager service provider handler class model schema version issuer "
    "audience scope scopes policy at on placeholder exists present missing masked redacted "
    "set configured source mode usage cost costs budget per used needed total remaining "
    "cache info response request data payload event events key_id filter".split()
)
# Tokens that are counted, that say where to go on, or that a parser reads.
_COUNTED = frozenset(
    "max min num n count total used prompt completion cached input output page next previous "
    "prev continuation cursor sync resume cancel cancellation cache lexer syntax".split()
)
# What a name asks, or says is not there, is no secret.
_PUBLIC = frozenset("public is has needs requires invalid missing expired".split())


def words(name: str) -> list[str]:
    """The words of a name: `TWITCH_clientSecret` is twitch, client, secret."""
    return [word.lower() for word in _WORDS.findall(name)]


def is_secret(name: str) -> bool:
    """Whether a name, by its last words, holds a secret."""
    last = name.rpartition(".")[2].rstrip("[]")
    parts = words(last)
    if not parts or parts[0] in _PUBLIC or "public" in parts:
        return False
    if parts[-1] in _ABOUT and parts[-1] not in _SECRETS:
        return False
    if parts[-1] in {"tokens", "token"} and _COUNTED & set(parts[:-1]):
        return False
    if parts[-1] in _SECRETS:
        return True
    if len(parts) >= 2 and "_".join(parts[-2:]) in _PAIRS:
        return True
    if parts[-1] in {"pass"} and len(parts) > 1:
        return True
    return parts[-1] in {"default", "dev", "prod", "test", "old", "new", "value"} and (
        len(parts) > 1 and is_secret("_".join(parts[:-1]))
    )


_ONE_TIME = frozenset(
    "ticket verification verify login signin reset access invite backup recovery auth "
    "authorization otp confirmation confirm redeem voucher pairing link linking mfa totp "
    "activation device security".split()
)


def is_one_time(name: str) -> bool:
    """Whether a name holds a code that opens something to whoever knows it."""
    parts = words(name.rpartition(".")[2])
    if not parts:
        return False
    if parts[-1] in {"otp", "totp", "passcode"}:
        return True
    return parts[-1] in {"code", "codes", "pin"} and bool(_ONE_TIME & set(parts[:-1]))


def is_personal(name: str) -> bool:
    """Whether a name holds what says who or where somebody is: an address, a number."""
    parts = words(name.rpartition(".")[2])
    if parts[-2:] in (["email", "address"], ["phone", "number"], ["mail", "address"]):
        return True
    return bool(parts) and parts[-1] in {"email", "emails", "phone"}


def is_signature(name: str) -> bool:
    """Whether a name holds a signature or a digest of a message."""
    parts = words(name.rpartition(".")[2])
    return bool(parts) and parts[-1] in {
        "signature",
        "sig",
        "hmac",
        "digest",
        "hexdigest",
        "mac",
    }


_PLACEHOLDERS = re.compile(
    r"^$|^(your|my|the|an?)[-_ ]|<[^>]*>|\$\{|\{\{|%\(|^x{3,}$|^\*+$|\*{3,}|^\.\.\.|^-+$|"
    r"^(todo|tbd|none|null|unset|missing|redacted|placeholder|example|dummy|sample|unknown|"
    r"n/?a|not[-_ ]set|env|masked|hidden)$|replace[-_ ]?(me|this|with)|[-_ ]here$|"
    r"^insert[-_ ]",
    re.IGNORECASE,
)


def is_placeholder(text: str) -> bool:
    """Whether a text only stands where a secret would be."""
    return bool(_PLACEHOLDERS.search(text.strip())) or set(text) <= set("*x.-_ #")


_HEADERS = re.compile(
    r"^(X-|x-)[\w-]+$|^[A-Z][a-z]+(-[A-Z][a-zA-Z]*)+$|^Authorization$|^Bearer$"
)


def is_name_not_value(name: str, text: str) -> bool:
    """Whether a text is the name of a secret (a header, a variable, a field), not one."""
    if _HEADERS.match(text) or text.startswith(
        ("/", "http://", "https://", "./", "env:")
    ):
        return True
    if re.fullmatch(r"[A-Z][A-Z0-9_]{2,}", text) and "_" in text:
        return True
    if " " in text or "\n" in text or "{" in text:
        return True
    if text.lower() in {
        "true",
        "false",
        "yes",
        "no",
        "none",
        "null",
        "bearer",
        "basic",
    }:
        return True
    own, given = "".join(words(name)), "".join(words(text))
    if given and (given in own or (text.isupper() and given.endswith(own))):
        return True
    if words(name)[-1:] == ["key"] and re.fullmatch(r"[a-z_]+(:[a-z_*]+)+", text):
        return True  # of a store
    return bool(re.fullmatch(r"[a-z_]+(\.[a-z_]+)+", text))


_AUDITS = frozenset({"audit", "log_audit"})
_AUTHS = frozenset("auth authn authz log_auth log_authn log_authz".split())


def are_aaa(methods: Iterable[str]) -> bool:
    """Whether methods are those of a logger that knows AUTH, AUTHZ and AUDIT events."""
    known = frozenset(methods)
    return bool(_AUDITS & known and _AUTHS & known)


def is_word_of(name: str, text: str) -> bool:
    """Whether a name stands in a text, and not only as a part of another one."""
    start = text.find(name) if name.isidentifier() else 0
    return start >= 0 and re.compile(rf"\b{name}\b").search(text, start) is not None
