"""The rule on ports: code, image, manifests and Compose name one and the same."""

from __future__ import annotations

import re
from collections.abc import Iterator

from waddlegen.facts.delivery import Delivery, image_variables
from waddlegen.facts.dockerfile import Dockerfile, Instruction
from waddlegen.facts.manifests import Container
from waddlegen.facts.yamldocs import Node
from waddlegen.findings import Problem, Severity
from waddlegen.rules.delivered import delivery_rule
from waddlegen.rules.kubernetes import SERVERS
from waddlegen.rules.pods import main_containers

_BOUND = re.compile(
    r"(?:--port[\s=\"',]+|(?:--bind|-b)[\s=\"',]+\[?[\w.:]*\]?:)(\d{2,5})\b"
)
_ASKED = re.compile(r"(?:localhost|127\.0\.0\.1|0\.0\.0\.0):(\d{2,5})\b")


@delivery_rule("WB808", severity=Severity.WARNING, topic="docker", checklist="P1")
def port_disagreement(module: Delivery) -> Iterator[Problem]:
    """The places that name the module's port do not agree.

    The module listens to one port: what CMD binds, else MODULE_PORT of the image, else
    the default in the code. EXPOSE, the health check, the container's ports and those
    of Compose must be that one, or nobody reaches the module. Other ports beside it are
    fine.
    """
    port = _listened(module)
    if port is None:
        return
    number, why = port
    file = module.dockerfile
    if file and file.final:
        yield from _of_image(file, number, why)
    yield from _of_pods(module, number, why)
    yield from _of_services(module, number, why)


def _instructions(file: Dockerfile) -> dict[str, Instruction]:
    """The last of each instruction of the image."""
    final = file.final
    return {i.keyword: i for i in file.inherited(final)} if final else {}


def _listened(module: Delivery) -> tuple[int, str] | None:
    """The port that the image listens to, and who says so."""
    file = module.dockerfile
    if file and file.final:
        for keyword in ("CMD", "ENTRYPOINT"):
            command = _instructions(file).get(keyword)
            text = file.final.expand(command.text.replace("\\", "")) if command else ""
            found = _BOUND.findall(text)
            if len(set(found)) == 1:
                return int(found[0]), f"{keyword} binds {found[0]}"
    value = image_variables(file).get("MODULE_PORT", "")
    if value.isdigit():
        return int(value), f"MODULE_PORT of the image is {value}"
    if module.port:
        said = module.port
        return said.number, f"{said.path}:{said.line} says {said.number}"
    return None


def _of_image(file: Dockerfile, number: int, why: str) -> Iterator[Problem]:
    """EXPOSE and HEALTHCHECK."""
    final = file.final
    if final is None:
        return
    exposed = [i for i in file.inherited(final) if i.keyword == "EXPOSE"]
    ports = [
        int(word.partition("/")[0])
        for each in exposed
        for word in final.expand(each.text).split()
        if word.partition("/")[0].isdigit()
    ]
    unknown = any("$" in final.expand(each.text) for each in exposed)
    if ports and number not in ports and not unknown:
        message = f"EXPOSE says {', '.join(map(str, ports))}, but {why}"
        yield Problem(
            file.path, exposed[0].line, message, hint=f"write EXPOSE {number}"
        )
    check = _instructions(file).get("HEALTHCHECK")
    asked = _ASKED.findall(final.expand(check.text)) if check else []
    if check and asked and str(number) not in asked:
        message = f"the health check asks port {asked[0]}, but {why}"
        yield Problem(file.path, check.line, message, hint=f"ask port {number}")


def _of_pods(module: Delivery, number: int, why: str) -> Iterator[Problem]:
    """The ports of the containers that run the image."""
    for pod in module.manifests.pods:
        if pod.manifest.kind not in SERVERS:
            continue
        for each in main_containers(module, pod):
            wanted, reason = _told(module, each) or (number, why)
            found = [
                (p["containerPort"].integer, p["containerPort"]) for p in each.ports
            ]
            numbers = [n for n, _ in found if n is not None]
            legal = all(1 <= n <= 65535 for n in numbers)
            own_command = bool(each.node["command"] or each.node["args"])
            if numbers and legal and wanted not in numbers and not own_command:
                message = f"containerPort is {numbers[0]}, but {reason}"
                hint = f"write {wanted}, or set MODULE_PORT"
                yield each.problem(found[0][1], message, hint)


def _told(module: Delivery, each: Container) -> tuple[int, str] | None:
    """The port that the container's environment sets, unless CMD binds a fixed one."""
    file = module.dockerfile
    command = _instructions(file).get("CMD") if file else None
    if command and _BOUND.search(command.text):
        return None
    for variable in each.node["env"]:
        if variable["name"].text == "MODULE_PORT":
            return _number(variable["value"])
    for source in each.node["envFrom"]:
        name = source.at("configMapRef", "name").text or ""
        config = module.manifests.find("ConfigMap", name)
        if config and "MODULE_PORT" in config.root["data"]:
            return _number(config.root["data"]["MODULE_PORT"])
    return None


def _number(node: Node) -> tuple[int, str] | None:
    """A port that is written as text."""
    text = node.shown
    return (int(text), f"its MODULE_PORT is {text}") if text.isdigit() else None


def _of_services(module: Delivery, number: int, why: str) -> Iterator[Problem]:
    """The ports of Compose's services."""
    for service in module.compose:
        told = {s.name: s.value or "" for s in service.settings}.get("MODULE_PORT", "")
        if service.node["command"] or (told and not told.isdigit()):
            continue
        wanted, reason = (
            (int(told), f"its MODULE_PORT is {told}") if told else (number, why)
        )
        ports = list(service.container_ports)
        if ports and wanted not in [found for found, _ in ports]:
            message = f"{service.name} offers port {ports[0][0]}, but {reason}"
            yield service.problem(ports[0][1], message, f"offer {wanted}")
