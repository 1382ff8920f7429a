"""Logging set-up and AAA events."""

import logging
import os
import sys
from logging.handlers import RotatingFileHandler

import config

logger = logging.getLogger("portal")
FORMAT = "[%(asctime)s] %(levelname)s portal:{} %(message)s".format(
    config.MODULE_VERSION
)


def setup():
    """Configure stdout and, where the folder exists, a rotating file."""
    logger.setLevel(config.LOG_LEVEL)
    targets = [logging.StreamHandler(sys.stdout)]
    if os.access(config.LOG_DIR, os.W_OK):
        path = os.path.join(config.LOG_DIR, "portal.log")
        targets.append(RotatingFileHandler(path, maxBytes=10_000_000, backupCount=5))
    for target in targets:
        target.setFormatter(logging.Formatter(FORMAT))
        logger.addHandler(target)


def event(kind, action, result, community="-", user="-", **more):
    """Log one AUTH, AUTHZ, AUDIT or SYSTEM event."""
    tail = "".join(f" {key}={value}" for key, value in more.items())
    logger.info(
        "%s community=%s user=%s action=%s result=%s%s",
        kind,
        community,
        user,
        action,
        result,
        tail,
    )
