"""What the feature translations of router does; this file is yours."""

from flask_core.datamodels import Call, Result
from flask_core.resources import Resources

from models import CachedTranslation, FindTranslationParams, StoreTranslationParams


class TranslationsService:
    """Texts that were translated before, for every module that translates."""

    def __init__(self, resources: Resources) -> None:
        """Keep what the module works with."""
        self.resources = resources

    async def store_translation(
        self,
        call: Call,
        params: StoreTranslationParams,
    ) -> Result:
        """Keep a translation; 409 when it is kept already."""
        row = await self.resources.db.create(
            CachedTranslation,
            source_text_hash=params.source_text_hash,
            source_lang=params.source_lang,
            target_lang=params.target_lang,
            translated_text=params.translated_text,
            provider=params.provider,
            **params.given("confidence_score"),
        )
        return row.to_dict()

    async def find_translation(
        self,
        call: Call,
        params: FindTranslationParams,
    ) -> Result:
        """Find the translation of a text by its hash."""
        row = await self.resources.db.require(
            CachedTranslation,
            source_text_hash=params.source_text_hash,
            source_lang=params.source_lang,
            target_lang=params.target_lang,
        )
        return row.to_dict()
