"""The module's logger."""

import config
from flask_core.logging import get_aaa_logger

log = get_aaa_logger(config.MODULE_NAME, config.MODULE_VERSION, config.LOG_LEVEL)
