# Rendered by waddlegen from module_specs/router.yaml and templates/module/handlers; edits are merged on update.
"""Handle what reaches the feature translations; the work is in its service."""

from quart import Blueprint, Response

from flask_core.api import action_response, result_response
from flask_core.audit import audited
from flask_core.auth import require_api_key
from flask_core.ratelimit import rate_limit
from flask_core.requests import read_action, read_query
from flask_core.resilience import time_limit
from flask_core.resources import resources

from models import FindTranslationParams, StoreTranslationParams
from services.translations_service import TranslationsService

blueprint = Blueprint("translations", __name__)


def service() -> TranslationsService:
    """The feature's service, with what the module works with."""
    return TranslationsService(resources())


@blueprint.post("/api/v1/action/store_translation")
@require_api_key(role="core")
@rate_limit(max_requests=100, window=60)
@time_limit(seconds=10)
@audited("store_translation")
async def store_translation() -> Response:
    """Keep a translation; 409 when it is kept already."""
    call, params = await read_action(StoreTranslationParams)
    result = await service().store_translation(call, params)
    return action_response("store_translation", result)


@blueprint.get(
    "/api/v1/router/translations/<source_lang>/<target_lang>/<source_text_hash>",
)
@require_api_key(role="core")
@rate_limit(max_requests=100, window=60)
@time_limit(seconds=10)
async def find_translation(**path: str | int) -> Response:
    """Find the translation of a text by its hash."""
    call, params = await read_query(FindTranslationParams, **path)
    result = await service().find_translation(call, params)
    return result_response(result)
