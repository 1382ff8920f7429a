"""Texts with {{ placeholders }} in reply and HTTP nodes."""

from functools import lru_cache

from jinja2 import Environment, TemplateError

_env = Environment(autoescape=False)


class TextError(ValueError):
    """The template does not compile or render."""


@lru_cache(maxsize=512)
def _compile(text):
    """Compiled template; texts repeat."""
    return _env.from_string(text)


def render(text, variables):
    """Fill in the variables of a workflow author's text."""
    try:
        return _compile(text).render(**variables)
    except TemplateError as exc:
        raise TextError(str(exc)) from exc
