"""The feature translations of router; this file is yours."""

from typing import Any

from services.translations_service import TranslationsService


def test_the_service_works_with_the_running_module(resources: Any) -> None:
    """It is made with what the module works with."""
    service = TranslationsService(resources)

    assert service.resources is resources
