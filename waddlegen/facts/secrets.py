"""Which names are secrets' names, and which texts are secrets rather than stand-ins."""

from __future__ import annotations

import re

_WORDS = frozenset(
    "password passwd passphrase pwd secret secrets token apikey credential credentials "
    "privatekey jwtsecret".split()
)
_PAIRS = frozenset(
    {
        ("api", "key"),
        ("private", "key"),
        ("access", "key"),
        ("secret", "key"),
        ("signing", "key"),
        ("encryption", "key"),
        ("auth", "key"),
        ("fernet", "key"),
    }
)
# A name that ends so says something about a secret, and is none.
_ABOUT = frozenset(
    "url uri host path file dir name names id ids ttl expiry expires expiration length "
    "algorithm alg type header headers issuer audience limit limits max min count size "
    "tokens buffer enabled required rotation days hours minutes seconds timeout ref "
    "arn region username user endpoint scope scopes provider prefix version".split()
)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_REFERENCE = re.compile(
    r"\$\{|\$\(|\{\{|^\$\w+$|^<.*>$|^%\w+%$|^(vault|aws|sops|ref|op):"
)
_STAND_IN = re.compile(
    r"(?i)^(x+|\*+|\.+|-|none|null|true|false|example|redacted|dummy|"
    r"replace[-_ ]?(me|with.*|this.*)|your[-_ ].*|insert[-_ ].*|todo|tbd|fixme|"
    r"from[-_ ].*|placeholder.*)$"
)
_URL = re.compile(r"[a-z][a-z0-9+.-]*://[^\s:/@$<{]*:([^\s@/$<{][^\s@/]*)@", re.I)


def is_secret_name(name: str) -> bool:
    """Whether a variable or key of this name holds a secret."""
    words = [w for w in re.split(r"[^a-z0-9]+", _CAMEL.sub("_", name).lower()) if w]
    if not words or words[-1] in _ABOUT:
        return False
    pairs = zip(words, words[1:], strict=False)
    return bool(_WORDS & set(words)) or any(pair in _PAIRS for pair in pairs)


def is_secret_value(text: str) -> bool:
    """Whether a text is a secret itself: no reference, stand-in, number or nothing."""
    text = text.strip()
    if not text or _REFERENCE.search(text) or _STAND_IN.match(text):
        return False
    return not re.fullmatch(r"\d{1,5}", text)


def has_url_credentials(text: str) -> bool:
    """Whether a text has a URL with a password in it."""
    found = _URL.search(text)
    return found is not None and is_secret_value(found[1])
