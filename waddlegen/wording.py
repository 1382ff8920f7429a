"""Say what is wrong with a value in the words of a YAML author: key, list, text, number.

Every kind of error that pydantic can raise for the spec language has its sentence here;
a test walks the language and fails when one is missing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

# What to say, and a hint at what to do about it (or nothing).
Words = tuple[str, str]

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Objection:
    """One thing pydantic has against one value."""

    type: str
    value: object
    context: Mapping[str, Any]
    raw: str = ""
    choices: tuple[str, ...] = ()
    description: str = ""


@dataclass(frozen=True, slots=True)
class Form:
    """What texts of one pattern look like, and how to bring others nearer to it."""

    noun: str
    example: str
    mend: Callable[[str], str] = str


def say(objections: Iterable[Objection]) -> Words:
    """Put all objections to one value into one sentence."""
    every = tuple(objections)
    # A union objects once for each of its types; any other objection says more.
    other = [objection for objection in every if objection.type not in TYPES]
    if not other:
        return _wrong_type(every)
    return WORDS[other[-1].type](other[-1])


def shown(value: object) -> str:
    """A value as it may stand in a message: short, on one line, and printable."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "true" if value else "false"
        case str():
            short = value if len(value) <= 60 else f"{value[:57]}..."
            return f'"{_UNPRINTABLE.sub(_escaped, short)}"'
        case list():
            return "a list"
        case dict():
            return "a mapping"
    return str(value)


def _escaped(match: re.Match[str]) -> str:
    """Spell an unprintable character so that a terminal shows it."""
    character = match[0]
    return {"\n": "\\n", "\t": "\\t"}.get(character, f"\\u{ord(character):04x}")


def named(value: object) -> str:
    """A value with its kind: `the text "8005"`, `the number 0.2`, `true`, `a list`."""
    match value:
        case str():
            return f"the text {shown(value)}"
        case int() | float() if not isinstance(value, bool):
            return f"the number {shown(value)}"
    return shown(value)


def listed(words: Iterable[str], last: str = "or") -> str:
    """Join words as a sentence does: `a, b or c`."""
    *head, tail = words
    return f"{', '.join(head)} {last} {tail}" if head else tail


def similar(word: object, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """The known word that was probably meant."""
    import difflib  # only needed when something is wrong

    wanted = str(word).strip().lower()[:200]
    by_lower = {name.lower(): name for name in known}
    close = difflib.get_close_matches(wanted, by_lower, n=1, cutoff=cutoff)
    return by_lower[close[0]] if close else None


def did_you_mean(word: object, known: Iterable[str]) -> str:
    """A question naming the known word that was probably meant, or nothing."""
    match = similar(word, known)
    return f'did you mean "{match}"?' if match else ""


def unknown(kind: str, word: str, known: Iterable[str], where: str) -> str:
    """Say that a name is not declared, and which was meant or which there are."""
    names = sorted(set(known))
    meant = did_you_mean(word, names)
    if not meant:
        meant = f"there are {', '.join(names[:6])}" if names else "there are none yet"
        meant += ", ..." if len(names) > 6 else ""
    return f'{kind} "{word}" is not declared under {where}; {meant}'


TYPES = {
    "string_type": "text",
    "float_type": "a number",
    "int_type": "a whole number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}
_YES_NO = {"yes": "true", "on": "true", "y": "true", "true": "true"} | {
    "no": "false",
    "off": "false",
    "n": "false",
    "false": "false",
}


def _wrong_type(objections: tuple[Objection, ...]) -> Words:
    """Say of which types a value may be, and of which it is."""
    types = {objection.type for objection in objections}
    if "float_type" in types:
        types.discard("int_type")
    wanted = listed(dict.fromkeys(TYPES[name] for name in TYPES if name in types))
    first = objections[0]
    if first.value is None:
        return "has no value", f"give it {wanted}, or remove the key"
    return f"must be {wanted}, not {named(first.value)}", _retyped(types, first)


def _retyped(types: set[str], objection: Objection) -> str:
    """How to write the same value as the type that is wanted."""
    value = objection.value
    match value:
        case str() if "bool_type" in types:
            plain = _YES_NO.get(value.strip().lower())
            return f"write {plain}" if plain else "write true or false"
        case str() if types & {"int_type", "float_type"} and _is_number(value):
            return f"write it without quotes: {value}"
        case bool() | int() | float() if "string_type" in types:
            return f'write it in quotes: "{objection.raw}"'
        case str() | dict() if "tuple_type" in types:
            return "put `- ` in front of each item"
        case str() if "model_attributes_type" in types:
            return f"write {{do: {value}}}" if value in objection.choices else ""
    return ""


def _is_number(text: str) -> bool:
    """Whether a text holds a plain number."""
    return re.fullmatch(r"[-+]?[0-9]+(\.[0-9]+)?", text) is not None


def _missing(objection: Objection) -> Words:
    """A key that must be there is not."""
    return "is missing", objection.description


def _unknown_key(objection: Objection) -> Words:
    """A key nobody knows; the hint needs the whole language and is added later."""
    return "unknown key", ""


def _not_a_choice(objection: Objection) -> Words:
    """A value outside a short list."""
    value, choices = objection.value, objection.choices
    if value is None:
        return "has no value", f"one of {', '.join(choices)}"
    if not isinstance(value, str):
        return f"must be one of {', '.join(choices)}, not {named(value)}", ""
    words = f"{shown(value)} is not one of {', '.join(choices)}"
    return words, did_you_mean(value, choices)


def _no_kind(objection: Objection) -> Words:
    """An operation that does not say what it does."""
    return "`do` is missing", f"one of {', '.join(objection.choices)}"


def _too_few(objection: Objection) -> Words:
    """An empty list or mapping."""
    return "must not be empty", objection.description


def _too_long(objection: Objection) -> Words:
    """A text longer than it may be."""
    most = objection.context["max_length"]
    length = len(str(objection.value))
    return f"is {length} characters long; at most {most} are allowed", ""


def _too_short(objection: Objection) -> Words:
    """A text shorter than it must be."""
    least = objection.context["min_length"]
    if not objection.value:
        return "must not be empty", objection.description
    words = f"is {len(str(objection.value))} characters long; at least {least} are"
    return f"{words} needed", objection.description


def _malformed(objection: Objection) -> Words:
    """A text that does not have the form of its kind."""
    form = FORMS[objection.context["pattern"]]
    text = str(objection.value)
    mended = form.mend(text)
    fits = mended != text and re.fullmatch(objection.context["pattern"], mended)
    hint = f'did you mean "{mended}"?' if fits else f'as in "{form.example}"'
    return f"{shown(text)} is not {form.noun}", hint


def _bound(words: str, key: str) -> Callable[[Objection], Words]:
    """A number outside its bounds."""
    return lambda objection: (
        f"{shown(objection.value)} is {words} {objection.context[key]}",
        "",
    )


WORDS: Mapping[str, Callable[[Objection], Words]] = {
    "missing": _missing,
    "extra_forbidden": _unknown_key,
    "enum": _not_a_choice,
    "literal_error": _not_a_choice,
    "union_tag_invalid": _not_a_choice,
    "union_tag_not_found": _no_kind,
    "too_short": _too_few,
    "string_too_long": _too_long,
    "string_too_short": _too_short,
    "string_pattern_mismatch": _malformed,
    "greater_than": _bound("not above", "gt"),
    "greater_than_equal": _bound("below", "ge"),
    "less_than": _bound("not below", "lt"),
    "less_than_equal": _bound("above", "le"),
}


def _joined(text: str, by: str) -> str:
    """Cut a text into its words and join them, all in lower case."""
    apart = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", text)
    return by.join(re.findall(r"[a-z0-9]+", apart.lower()))


def _as_event(text: str) -> str:
    """Spell an event: words joined by `_`, the first point kept."""
    parts = re.split(r"[.:/]", text) if re.search(r"[.:/]", text) else [text]
    if len(parts) == 1:
        parts = re.split(r"[-_\s]", text, maxsplit=1)
    return ".".join(_joined(part, "_") for part in parts)


def _as_path(text: str) -> str:
    """Spell a path as a spec does, from Flask's or Express's spelling."""
    braced = re.sub(r"<(?:[a-z]+:)?([a-z_0-9]+)>", r"{\1}", text.strip())
    braced = re.sub(r"/:([a-z_0-9]+)", r"/{\1}", braced)
    return "/" + re.sub(r"/+", "/", braced).strip("/")


def _as_version(text: str) -> str:
    """Spell a version with three numbers."""
    bare = text.strip().removeprefix("v")
    return bare + ".0" * (2 - bare.count("."))


def _as_class(text: str) -> str:
    """Spell a class name."""
    words = _joined(text, " ").split()
    return "".join(word.capitalize() for word in words)


def _as_url(text: str) -> str:
    """Spell a base URL: with a scheme, without a slash at its end."""
    bare = text.strip().rstrip("/")
    return bare if "://" in bare else f"https://{bare}"


_SORTED = "a column, with `-` in front for descending order"
_URL = "an http or https URL without user, query or spaces"
FORMS: Mapping[str, Form] = {
    r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$": Form(
        "lower-case words joined by `-`",
        "ai-interaction",
        lambda text: _joined(text, "-"),
    ),
    r"^[a-z][a-z0-9_]*$": Form(
        "lower-case words joined by `_`", "add_item", lambda text: _joined(text, "_")
    ),
    r"^[A-Z][A-Z0-9_]*$": Form(
        "upper-case words joined by `_`",
        "OPENAI_API_KEY",
        lambda text: _joined(text, "_").upper(),
    ),
    r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+$": Form(
        "an event's name (`domain.verb`)", "inventory.checked_out", _as_event
    ),
    r"^/([A-Za-z0-9_.~-]+|\{[a-z][a-z0-9_]*\})(/([A-Za-z0-9_.~-]+|\{[a-z][a-z0-9_]*\}))*$": Form(  # noqa: E501
        "a path", "/api/v1/items/{item_id}", _as_path
    ),
    r"^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$": Form(
        "a version of three numbers", "1.2.0", _as_version
    ),
    r"^[1-9][0-9]*(m|Ki|Mi|Gi)?$": Form(
        "a quantity of CPU or memory", "512Mi", lambda text: text.replace(" ", "")
    ),
    r"^[A-Z][A-Za-z0-9]*$": Form("a class name", "InventoryItem", _as_class),
    r"^-?[a-z][a-z0-9_]*$": Form(
        _SORTED, "-created_at", lambda text: text.strip().lower()
    ),
    r"^[a-z0-9][a-z0-9./_:-]*$": Form(
        "an image registry", "ghcr.io/acme/bots", lambda text: text.strip().lower()
    ),
    r"^[A-Za-z][A-Za-z0-9-]*$": Form(
        "the name of an HTTP header",
        "Client-Id",
        lambda text: text.strip().rstrip(":").replace("_", "-"),
    ),
    r"^[ -~]*$": Form("plain ASCII text on one line", "Bearer "),
    r"^https?://[A-Za-z0-9.-]+(:[0-9]+)?(/[A-Za-z0-9_.~/-]*)?$": Form(
        _URL, "https://api.example.com/v1", _as_url
    ),
    r"^https?://[A-Za-z0-9.-]+(:[0-9]+)?$": Form(
        "an http or https address without a path", "http://core-labels:8023", _as_url
    ),
}
