"""The rule on secrets that are committed with what deploys a module."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator

from waddlegen.facts.compose import Service, Setting, joined, services_of
from waddlegen.facts.delivery import Delivery
from waddlegen.facts.dockerfile import pairs
from waddlegen.facts.manifests import (
    Manifest,
    kustomizations,
    literals_of,
    patched_settings,
    references,
)
from waddlegen.facts.secrets import (
    has_url_credentials,
    holds_secret,
    is_secret_name,
    is_secret_value,
)
from waddlegen.facts.survey import folder_of, is_aside, is_inside
from waddlegen.facts.yamldocs import Node, problem_at
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
    for secret in _secrets(module):
        if not _is_shared(module, secret):
            yield from _of_secret(secret)
    yield from _of_generators(module)
    yield from _of_charts(module)
    yield from _of_files(module)
    yield from _of_dockerfile(module)
    for service in module.compose:
        name = service.path.rpartition("/")[2]
        if not (_TEMPLATE.search(name) or _LOCAL.search(name)):
            for setting in service.settings:
                if not _falls_back(setting):
                    yield from _of_setting(service, setting)


@delivery_rule("WB405", severity=Severity.ERROR, topic="secret")
def shared_secret(module: Delivery) -> Iterator[Problem]:
    """A secret that several modules share is committed.

    The password of a database in a Compose file, or a Secret that several workloads use, is
    in the history of the repository for good. Write `${DB_PASSWORD:?}`, and make Secrets
    outside the repository.
    """
    for secret in _secrets(module):
        if _is_shared(module, secret):
            yield from _of_secret(secret)
    for path in sorted({each.path for each in module.compose}):
        name = path.rpartition("/")[2]
        if not (_TEMPLATE.search(name) or _LOCAL.search(name)):
            yield from _of_neighbours(module, path)


def _secrets(module: Delivery) -> Iterator[Manifest]:
    """The Secrets of a module that are no examples."""
    for secret in module.manifests.of("Secret"):
        if not _TEMPLATE.search(secret.path.rpartition("/")[2]):
            yield secret


def _is_shared(module: Delivery, secret: Manifest) -> bool:
    """Whether the workloads of several modules take settings from a Secret."""
    users = {
        pod.manifest.name
        for pod in module.manifests.visible_pods
        if ("Secret", secret.name) in pod.references
    }
    return len(users) > 1


def _of_neighbours(module: Delivery, path: str) -> Iterator[Problem]:
    """The services of a Compose file that nobody builds; told with the first of the others."""
    services = [each for each in services_of(module.survey) if each.path == path]
    built = sorted(folder_of(each.dockerfile) for each in services if each.dockerfile)
    for service in services:
        own = any(service == each for each in module.compose)
        for setting in service.settings:
            told = own and _falls_back(setting)
            if told or (not service.dockerfile and built[:1] == [module.folder]):
                yield from _of_setting(service, setting)


_DATABASE = re.compile(
    r"(?i)(db|database|postgres|pg|mysql|redis)_?(password|url|uri)$"
)


def _falls_back(setting: Setting) -> bool:
    """Whether a variable for a database has a password of a developer's machine."""
    return bool(_DATABASE.search(setting.name) and _DEFAULT.search(setting.value or ""))


def _of_generators(module: Delivery) -> Iterator[Problem]:
    """Secrets that kustomize makes of what is written beside it."""
    used = references(module.manifests.pods)
    for each in literals_of(module.survey):
        own = (each.kind, each.name) in used or is_inside(each.path, module.folder)
        if own and _is_secret(each.key, each.value):
            message = f"{each.key} of the {each.kind} {each.name} is written here"
            hint = "take it from a file that is not committed, or seal it"
            yield problem_at(each.path, each.node, each.node, message, hint)
    known = {each.name for each in module.manifests.own} | module.names
    for patch in patched_settings(module.survey):
        own = patch.target in known or is_inside(patch.path, module.folder)
        named = holds_secret(patch.key, patch.value)
        if own and (named or has_url_credentials(patch.value)):
            message = f"{patch.key} is written into a patch of {patch.target}"
            hint = "take it from a Secret: `valueFrom: {secretKeyRef: …}`"
            yield Problem(patch.path, patch.line, message, 1, hint)


def _of_files(module: Delivery) -> Iterator[Problem]:
    """Files of variables that are committed with what is in them."""
    survey = module.survey
    wanted = set(_settings_files(module))
    for path in survey.settings:
        name = path.rpartition("/")[2]
        own = is_inside(path, module.folder) and module.folder
        if not (own or path in wanted) or is_aside(path):
            continue
        if _TEMPLATE.search(name) or _LOCAL.search(name) or survey.is_ignored(path):
            continue
        for number, line in enumerate(survey.text(path).splitlines(), 1):
            key, _, value = line.strip().removeprefix("export ").partition("=")
            value = value.strip("\"' ")
            named = holds_secret(key, value)
            if named or has_url_credentials(value):
                message = f"{key} is committed in {name}"
                yield Problem(
                    path, number, message, 1, "keep the file out, by .gitignore"
                )


def _settings_files(module: Delivery) -> Iterator[str]:
    """The files that Compose, or a generator of kustomize, takes variables from."""
    for service in module.compose:
        node = service.node["env_file"]
        for each in (node, *node):
            name = each.text or each["path"].text
            if name:
                yield joined(folder_of(service.path), name) or ""
    used = references(module.manifests.pods)
    for path, root in kustomizations(module.survey):
        for key, kind in (
            ("secretGenerator", "Secret"),
            ("configMapGenerator", "ConfigMap"),
        ):
            for maker in root[key]:
                if (kind, maker["name"].text or "") in used:
                    for each in (maker["env"], *maker["envs"], *maker["files"]):
                        name = (each.text or "").rpartition("=")[2]
                        yield joined(folder_of(path), name) or ""


def _of_charts(module: Delivery) -> Iterator[Problem]:
    """Passwords among the values of the module's charts."""
    for chart in module.charts:
        for key, node in chart.values:
            text = node.text or ""
            named = is_secret_name(key) and not _ABOUT.search(key)
            drawn = re.search(r"\d|[A-Z]", text) and len(text) > 5
            if named and drawn and is_secret_value(text) and " " not in text:
                message = f"{key} is written among the values of the chart"
                hint = "take it from a Secret that is made elsewhere"
                yield problem_at(chart.values_path, node, node, message, hint)
        for path, key, node in chart.others:
            text = node.text or ""
            named = is_secret_name(key) and not _ABOUT.search(key)
            if named and is_secret_value(text) and " " not in text:
                if not _LOCAL.search(path.rpartition("/")[2]):
                    message = f"{key} is written among the values of the chart"
                    hint = "take it from a Secret that is made elsewhere"
                    yield problem_at(path, node, node, message, hint)


# Where a secret is, and not what it is.
_ABOUT = re.compile(r"(?i)existing|name$|ref$|(secret|password|token)key$")


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
        is_secret_value(text) if held else holds_secret(key, text)
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
            secret = holds_secret(pair.name, value)
            if secret or has_url_credentials(value):
                message = (
                    f"{each.keyword} {pair.name} is a secret in the image's history"
                )
                hint = "give it to the container when it runs"
                yield Problem(file.path, pair.line, message, 1, hint, "docker")


def _of_setting(service: Service, setting: Setting) -> Iterator[Problem]:
    """One variable of a service of Compose."""
    value = setting.value or ""
    for name, default in _DEFAULT.findall(value):
        if holds_secret(name, default) or holds_secret(setting.name, default):
            message = f"{setting.name} of {service.name} falls back to a known secret"
            hint = f"write ${{{name}:?}}, so that it must be set"
            yield service.problem(setting.node, message, hint)
            return
    bare = _DEFAULT.sub("${X}", value)
    secret = holds_secret(setting.name, value)
    if secret or has_url_credentials(bare):
        message = f"{setting.name} of {service.name} is written here as a plain value"
        yield service.problem(setting.node, message, f"write ${{{setting.name}:?}}")
