"""The modules the router calls: a client and a breaker for each address."""

from flask_core.datamodels import ExternalApi
from flask_core.outbound import HttpClient
from flask_core.resources import Resources

from models import RegisteredModule

BREAKER_THRESHOLD = 5
BREAKER_RESET_SECONDS = 30.0


def target(
    resources: Resources, module: RegisteredModule, timeout_seconds: float
) -> HttpClient:
    """The client of a module; a module that moved gets a new one.

    It is kept with the clients of the spec's own APIs, which are closed at the end.
    """
    key = f"{module.name} {module.url} {timeout_seconds}"
    if key not in resources.clients:
        resources.clients[key] = HttpClient(
            ExternalApi(
                id=module.name,
                base_url=module.url,
                timeout_seconds=timeout_seconds,
                attempts=1,
                breaker_threshold=BREAKER_THRESHOLD,
                breaker_reset_seconds=BREAKER_RESET_SECONDS,
            )
        )
    return resources.clients[key]
