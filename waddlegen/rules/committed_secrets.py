"""The rule on secrets that are committed with what deploys a module."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator

from waddlegen.facts.compose import Service, Setting
from waddlegen.facts.delivery import Delivery
from waddlegen.facts.dockerfile import pairs
from waddlegen.facts.manifests import Manifest
from waddlegen.facts.secrets import has_url_credentials, is_secret_name, is_secret_value
from waddlegen.facts.yamldocs import Node
from waddlegen.findings import Problem, Severity
from waddlegen.rules.delivered import delivery_rule

_DEFAULT = re.compile(r"\$\{(\w+):?-([^}]*)\}")
_TEMPLATE = re.compile(r"(?i)(^|[._-])(example|sample|template|tmpl|dist)([._-]|$)")
# Files for a machine of one's own, where a known password protects nothing.
_LOCAL = re.compile(r"(?i)[._-](dev|development|local|test|tests|ci|override)([._-]|$)")


@delivery_rule("WB404", severity=Severity.ERROR, topic="secret", checklist="CQ3")
def committed_secret(module: Delivery) -> Iterator[Problem]:
    """A secret is committed: in a Kubernetes Secret, a Dockerfile, or a Compose file.

    base64 hides nothing, ENV and ARG stay readable in the image's history, and a
    default such as `${JWT_SECRET:-changeme}` is what runs when nobody sets the
    variable. Make Secrets outside the repository (or seal them), take build secrets
    from `RUN --mount=type=secret`, and write `${JWT_SECRET:?}` without a default.
    """
    for secret in module.manifests.of("Secret"):
        if not _TEMPLATE.search(secret.path.rpartition("/")[2]):
            yield from _of_secret(secret)
    yield from _of_dockerfile(module)
    for service in module.compose:
        name = service.path.rpartition("/")[2]
        if not (_TEMPLATE.search(name) or _LOCAL.search(name)):
            for setting in service.settings:
                yield from _of_setting(service, setting)


def _of_secret(secret: Manifest) -> Iterator[Problem]:
    """The values of a Kubernetes Secret."""
    if secret.root["type"].text in ("kubernetes.io/service-account-token",):
        return
    hint = "make it outside the repository, or seal it"
    for part in ("data", "stringData"):
        for key, node in secret.root[part].keys.items():
            text = _decoded(node) if part == "data" else node.text
            if text and _is_secret(key, text):
                message = f"the Secret {secret.name} holds {key} itself"
                yield secret.problem(node, message, hint)


def _is_secret(key: str, text: str) -> bool:
    """Whether what a Secret holds under a key is one; names of users are not."""
    held = key in (".dockerconfigjson", "tls.key", ".dockercfg", "key", "value")
    return has_url_credentials(text) or (
        (held or is_secret_name(key)) and is_secret_value(text)
    )


def _decoded(node: Node) -> str | None:
    """The text that base64 stands for; none for what is not base64, or not text."""
    text = re.sub(r"\s", "", node.text or "")
    try:
        return base64.b64decode(text, validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        return None


def _of_dockerfile(module: Delivery) -> Iterator[Problem]:
    """ARG and ENV of every stage; the names of build arguments are known to all."""
    file = module.dockerfile
    for each in file.instructions if file else ():
        if file is None or each.keyword not in ("ARG", "ENV"):
            continue
        for pair in pairs(each):
            value = pair.value or ""
            secret = is_secret_name(pair.name) and is_secret_value(value)
            if secret or has_url_credentials(value):
                message = (
                    f"{each.keyword} {pair.name} is a secret in the image's history"
                )
                hint = "give it to the container when it runs"
                yield Problem(file.path, pair.line, message, hint=hint)


def _of_setting(service: Service, setting: Setting) -> Iterator[Problem]:
    """One variable of a service of Compose."""
    value = setting.value or ""
    for name, default in _DEFAULT.findall(value):
        named = is_secret_name(name) or is_secret_name(setting.name)
        if named and is_secret_value(default):
            message = f"{setting.name} of {service.name} falls back to a known secret"
            hint = f"write ${{{name}:?}}, so that it must be set"
            yield service.problem(setting.node, message, hint)
            return
    bare = _DEFAULT.sub("${X}", value)
    secret = is_secret_name(setting.name) and is_secret_value(value)
    if secret or has_url_credentials(bare):
        message = f"{setting.name} of {service.name} is written here as a plain value"
        yield service.problem(setting.node, message, f"write ${{{setting.name}:?}}")
