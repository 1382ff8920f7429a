"""Health blueprints. `checks` maps a dependency to a callable."""

import time
from typing import Any, Awaitable, Callable, Dict, Mapping

STARTED = time.monotonic()


def _body(module: str, version: str, deps: Dict[str, bool]) -> Dict[str, Any]:
    """The documented body."""
    return {
        "status": "healthy" if all(deps.values()) else "unhealthy",
        "module": module,
        "version": version,
        "uptime_seconds": int(time.monotonic() - STARTED),
        "dependencies": {k: "connected" if v else "down" for k, v in deps.items()},
    }


def quart_health(
    module: str, version: str, checks: Mapping[str, Callable[[], Awaitable[bool]]]
) -> Any:
    """Blueprint for Quart: /health (dependencies) and /healthz (process)."""
    from quart import Blueprint

    bp = Blueprint("health", __name__)

    @bp.get("/health")
    async def health() -> Any:
        deps = {}
        for name, check in checks.items():
            try:
                deps[name] = bool(await check())
            except Exception:  # any failure of a dependency means "down"
                deps[name] = False
        return _body(module, version, deps), 200 if all(deps.values()) else 503

    @bp.get("/healthz")
    async def healthz() -> Any:
        return _body(module, version, {}), 200

    return bp


def flask_health(
    module: str, version: str, checks: Mapping[str, Callable[[], bool]]
) -> Any:
    """The same for Flask."""
    from flask import Blueprint

    bp = Blueprint("health", __name__)

    @bp.get("/health")
    def health() -> Any:
        deps = {}
        for name, check in checks.items():
            try:
                deps[name] = bool(check())
            except Exception:  # any failure of a dependency means "down"
                deps[name] = False
        return _body(module, version, deps), 200 if all(deps.values()) else 503

    @bp.get("/healthz")
    def healthz() -> Any:
        return _body(module, version, {}), 200

    return bp
