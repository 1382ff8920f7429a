"""Check that what a module asks of the cluster can be given."""

import re
from collections.abc import Iterator

from waddlegen.consistency.facts import Facts, Issue

_UNITS = {"m": 0.001, "Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "": 1.0}


def check(facts: Facts) -> Iterator[Issue]:
    """Every issue of the deployment."""
    spec, deployment = facts.spec, facts.spec.deployment
    if spec.grpc_port == spec.port:
        yield ("grpc_port",), "`grpc_port` and `port` are the same; choose another"
    resources = deployment.resources
    for kind, wrong in (("cpu", ("Ki", "Mi", "Gi")), ("memory", ("m", ""))):
        request = getattr(resources, f"{kind}_request")
        limit = getattr(resources, f"{kind}_limit")
        for key, quantity in ((f"{kind}_request", request), (f"{kind}_limit", limit)):
            if _unit(quantity) in wrong:
                example = "500m or 2" if kind == "cpu" else "512Mi"
                yield (
                    "deployment",
                    "resources",
                    key,
                ), f"{quantity} is no amount of {kind}; write {example}"
        if _amount(request) > _amount(limit):
            yield (
                "deployment",
                "resources",
                f"{kind}_request",
            ), f"{request} is above the limit {limit}"
    scaling = deployment.autoscaling
    if scaling and scaling.min_replicas > scaling.max_replicas:
        yield (
            "deployment",
            "autoscaling",
            "min_replicas",
        ), "`min_replicas` is above `max_replicas`"
    if spec.singleton and "autoscaling" in deployment.model_fields_set and scaling:
        yield ("deployment", "autoscaling"), "a singleton does not scale; leave it out"
    if (
        spec.singleton
        and "replicas" in deployment.model_fields_set
        and deployment.replicas != 1
    ):
        yield ("deployment", "replicas"), "a singleton has one replica; leave it out"


def _unit(quantity: str) -> str:
    """The unit of a quantity."""
    return re.sub(r"\d", "", quantity)


def _amount(quantity: str) -> float:
    """A quantity as a number."""
    return int(re.sub(r"\D", "", quantity)) * _UNITS[_unit(quantity)]
