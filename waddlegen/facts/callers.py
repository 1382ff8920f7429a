"""The words and names by which code speaks of who calls it."""

from __future__ import annotations

import re

from waddlegen.facts.python import Function

AUTH = re.compile(
    r"auth(?!or(?!i))|api_?key|jwt|token|login|permission|roles?(?![a-z])|admin|service_?key|"
    r"signature|credential|protected|secured?(?!_headers)|scopes?(?![a-z])|signed|internal_only|"
    r"logged_in|identi(ty|fy|fies)|access_control|hmac",
    re.IGNORECASE,
)
NOT_AUTH = re.compile(
    r"optional|oauth_url|rate|limit|log_auth|audit|tokenize|csrf|max_tokens|public|"
    r"anonymous|without_auth|no_auth|skip_auth|author(?!i)|security_headers|cors",
    re.IGNORECASE,
)
CHECKS = re.compile(
    r"verif|valid.*(key|token|auth|signature|jwt|session|cred)|check.*(key|token|auth|admin|"
    r"perm|role|access|sign)|authenticat|authoriz|require_|is_admin|has_role|has_permission|"
    r"compare_digest|decode_token|jwt\.decode|get_current_user|lookup_key|find_key|is_valid",
    re.IGNORECASE,
)
_CALLER = re.compile(
    r"request\.headers|request\.authorization|request\.cookies|request\.auth|current_user|"
    r"(^|\.)g\.get$|g\.user|g\.principal|(^|\.)session$|(^|\.)session\[|request\.user|websocket\.headers"
)
_SECRET_HEADER = re.compile(r"key|auth|token|signature|secret|session", re.IGNORECASE)
ADMIN = re.compile(
    r"admin|role|scope|permission|superuser|owner|moderator", re.IGNORECASE
)


def looks_at_caller(function: Function) -> bool:
    """Whether a function reads a key, a token or a session of the request."""
    if any(_SECRET_HEADER.search(name) for name, _ in function.headers):
        return True
    return any(
        _CALLER.search(name) and "headers" not in name for name in function.names
    )
