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
# What may follow such a word. After any other the name is about a secret, and is none,
# as TOKEN_TTL and SECRETS_BACKEND are.
_TAILS = frozenset(
    "key keys value hash salt base access secret secrets token password prod "
    "production staging stage dev test default new old next previous current "
    "primary secondary live main admin root".split()
)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_REFERENCE = re.compile(
    r"\$\{|\$\(|\{\{|^\$\w+$|^<.*>$|^%\w+%$|^(vault|aws|sops|ref|op):"
)
_STAND_IN = re.compile(
    r"(?i)^(x+|\*+|\.+|-|none|null|true|false|example|redacted|dummy|"
    r"replace[-_ ]?(me|with.*|this.*|by.*)|.*[-_ ]sealed[-_ ].*|sealed|your[-_ ].*|insert[-_ ].*|todo|tbd|fixme|"
    r"from[-_ ].*|placeholder.*)$"
)
_URL = re.compile(r"[a-z][a-z0-9+.-]*://[^\s:/@$<{]*:([^\s@/$<{][^\s@/]*)@", re.I)


def is_secret_name(name: str) -> bool:
    """Whether a variable or key of this name holds a secret."""
    words = [w for w in re.split(r"[^a-z0-9]+", _CAMEL.sub("_", name).lower()) if w]
    for index, word in enumerate(words):
        if word in _WORDS or tuple(words[index : index + 2]) in _PAIRS:
            return all(tail in _TAILS or tail.isdigit() for tail in words[index + 1 :])
    return False


def is_secret_value(text: str) -> bool:
    """Whether a text is a secret itself: no reference, stand-in, number or nothing."""
    text = text.strip()
    if not text or _REFERENCE.search(text) or _STAND_IN.match(text):
        return False
    # A number, a path and an address say where a secret is, or how long it lasts.
    return not re.fullmatch(r"\d{1,5}|~?/[\w./-]+|https?://[^@]*", text)


def has_url_credentials(text: str) -> bool:
    """Whether a text has a URL with a password in it."""
    found = _URL.search(text)
    return found is not None and is_secret_value(found[1])


# Keys of stores and of messages, which are names.
NAMING_KEYS = re.compile(
    r"(?i)cache|redis|sort|primary|foreign|partition|rout|queue|stream|object|s3|header|"
    r"index|group|lock|public|prefix|lookup|hot|map"
)
_KEY = re.compile(r"(^|_)(key|salt|pepper|seed|secret|token)$")
_FERNET = re.compile(r"[\w-]{43}=")
_BASE64 = re.compile(
    r"(?=[^a-z]*[a-z])(?=[^A-Z]*[A-Z])(?=(?:\D*\d){2})[\w+/-]{20,}={0,2}"
)
_HEX = re.compile(r"(?i)(?=\d*[a-f])(?=[a-f]*\d)[0-9a-f]{32,}")


def is_key(name: str) -> bool:
    """Whether a name, by its last word, is that of a key that is no name itself."""
    plain = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().strip("_")
    return bool(_KEY.search(plain)) and not (
        NAMING_KEYS.search(plain) or "public" in plain
    )


def is_drawn(text: str) -> bool:
    """Whether a text is what a generator of keys has made: base64 or hex of some length."""
    if len(set(text)) < 8:
        return False
    return any(form.fullmatch(text) for form in (_FERNET, _BASE64, _HEX))


def holds_secret(name: str, text: str) -> bool:
    """Whether a setting of a name holds a secret itself: by the name, or by what it is."""
    if is_secret_name(name):
        return is_secret_value(text)
    return is_key(name) and is_drawn(text.strip())
