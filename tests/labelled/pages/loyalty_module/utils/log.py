"""AAA logging for the loyalty module."""

import logging
import logging.handlers
import os
import sys

log = logging.getLogger("loyalty")

LINE = "[%(asctime)s] %(levelname)s %(name)s %(message)s"


def configure(cfg):
    """Attach the console and the rotating file handler once."""
    if log.handlers:
        return
    log.setLevel(cfg["LOG_LEVEL"])
    handlers = [logging.StreamHandler(sys.stdout)]
    if os.path.isdir(cfg["LOG_DIR"]):
        handlers.append(
            logging.handlers.RotatingFileHandler(
                os.path.join(cfg["LOG_DIR"], "loyalty.log"),
                maxBytes=10_000_000,
                backupCount=5,
            )
        )
    for handler in handlers:
        handler.setFormatter(logging.Formatter(LINE))
        log.addHandler(handler)


def auth_event(kind, community, user, action, result):
    """Write an AUTH or AUTHZ line."""
    level = logging.INFO if result == "success" else logging.WARNING
    log.log(
        level,
        "%s community=%s user=%s action=%s result=%s",
        kind,
        community,
        user,
        action,
        result,
    )


def audit(community, user, action, result="success", **extra):
    """Write an AUDIT line."""
    tail = " ".join(f"{k}={v}" for k, v in extra.items())
    log.info(
        "AUDIT community=%s user=%s action=%s result=%s %s",
        community,
        user,
        action,
        result,
        tail,
    )
