"""Check that the options of a field, variable or column fit its type and each other."""

import math
import re
import warnings
from collections.abc import Callable, Collection, Iterator
from datetime import datetime

from pydantic_core import SchemaError, SchemaValidator, ValidationError, core_schema

from waddlegen.consistency.facts import Facts, Issue, Loc, repeated
from waddlegen.spec import (
    ActionSpec,
    ColumnType,
    FieldSpec,
    ListOperation,
    ValueType,
    VariableSpec,
    VariableType,
)
from waddlegen.wording import named, shown

Scalar = bool | int | float | str

DEFAULT_LENGTH = 1000
DEFAULT_ITEMS = 100
_NUMBERS = (ValueType.INTEGER, ValueType.NUMBER)


def check(facts: Facts) -> Iterator[Issue]:
    """Every issue of parameters, results, payloads and configuration variables."""
    for site in facts.sites():
        yield from _fields((*site.loc, "params"), site.endpoint.params, "parameter")
        yield from _fields((*site.loc, "result"), site.endpoint.result, "result field")
        if isinstance(site.endpoint, ActionSpec) and site.endpoint.alias:
            yield from _kept_for(site.loc, site.endpoint.params, _BESIDE, "aliases")
        if isinstance(site.endpoint.operation, ListOperation):
            yield from _kept_for(site.loc, site.endpoint.params, _PAGE, "lists")
    for index, event in enumerate(facts.spec.publishes):
        yield from _fields(("publishes", index, "payload"), event.payload, "field")
    for index, variable in enumerate(facts.spec.config):
        yield from _variable(("config", index), variable)


_BESIDE = ("user_id", "context")
_PAGE = ("limit", "after")


def _kept_for(
    loc: Loc, params: tuple[FieldSpec, ...], kept: Collection[str], whose: str
) -> Iterator[Issue]:
    """Object to parameters whose names are given a meaning already."""
    for index, param in enumerate(params):
        if param.name in kept:
            at = (*loc, "params", index, "name")
            yield at, f'"{param.name}" is added to {whose} by itself; choose another'


def _fields(loc: Loc, fields: tuple[FieldSpec, ...], kind: str) -> Iterator[Issue]:
    """The issues of a list of fields."""
    names = [(field.name, (i, "name")) for i, field in enumerate(fields)]
    yield from repeated(loc, names, kind)
    attributes: dict[str, str] = {}
    for index, field in enumerate(fields):
        first = attributes.setdefault(field.attribute, field.name)
        if first != field.name:
            message = f'"{field.name}" and "{first}" are both {field.attribute} in'
            yield (*loc, index, "name"), f"{message} Python; rename one"
        yield from _field((*loc, index), field)


def _field(loc: Loc, field: FieldSpec) -> Iterator[Issue]:
    """The issues of one field."""
    yield from _options(loc, field)
    yield from _bounds(loc, field)
    yield from choices(loc, field.choices)
    if field.required and field.default is not None:
        yield (*loc, "default"), "a required value needs no default; remove one of them"
    if field.secret and field.default is not None:
        yield (*loc, "default"), "a secret has no default; remove it"
    for key, value in (("default", field.default), ("example", field.example)):
        unfit = None if value is None else _unfit(field, value)
        if unfit:
            yield (*loc, key), unfit
    yield from _pattern(loc, field)


def _options(loc: Loc, field: FieldSpec) -> Iterator[Issue]:
    """Options that mean nothing for the type."""
    for keys, types in (
        (("choices", "min_length", "max_length", "pattern"), (ValueType.STRING,)),
        (("minimum", "maximum"), _NUMBERS),
        (("items", "max_items"), (ValueType.ARRAY,)),
    ):
        for key in keys:
            if key in field.model_fields_set and field.type not in types:
                if getattr(field, key) not in (None, ()):
                    wanted = " or ".join(types)
                    message = f"fits only the type {wanted}, not {field.type}"
                    yield (*loc, key), f"{message}; remove it"


def _bounds(loc: Loc, field: FieldSpec) -> Iterator[Issue]:
    """Bounds that no value, or no whole number, can meet."""
    low, high = field.minimum, field.maximum
    if low is not None and high is not None and low > high:
        yield (*loc, "minimum"), f"is above the maximum {high}; swap or change them"
    if field.type is ValueType.INTEGER:
        for key, bound in (("minimum", low), ("maximum", high)):
            if isinstance(bound, float) and not bound.is_integer():
                yield (*loc, key), f"{bound} is no whole number, as the type asks"
    if field.type is not ValueType.STRING or field.min_length is None:
        return
    longest = field.max_length or DEFAULT_LENGTH
    if field.min_length > longest:
        said = "" if field.max_length else " (1000 unless said)"
        message = f"is above max_length {longest}{said}; change one of them"
        yield (*loc, "min_length"), message


def choices(loc: Loc, words: tuple[str, ...]) -> Iterator[Issue]:
    """Choices that are empty or given twice."""
    named_words = [(word, ("choices", i)) for i, word in enumerate(words)]
    yield from repeated(loc, named_words, "choice")
    for index, word in enumerate(words):
        if not word.strip():
            yield (*loc, "choices", index), "an empty text is no choice; remove it"


def _unfit(field: FieldSpec, value: Scalar) -> str | None:
    """Why a default or an example is not a value of its field."""
    if field.type in (ValueType.OBJECT, ValueType.ARRAY):
        return f"an {field.type} cannot have one; remove it"
    if not _FITS[field.type](value):
        return f"must be {_CALLED[field.type]}, as the type says, not {named(value)}"
    if isinstance(value, str):
        return _unfit_text(field, value)
    low, high = field.minimum, field.maximum
    if low is not None and value < low:
        return f"{value} is below the minimum {low}"
    if high is not None and value > high:
        return f"{value} is above the maximum {high}"
    return None


def _unfit_text(field: FieldSpec, value: str) -> str | None:
    """Why a text is not a value of its field."""
    if field.type is not ValueType.STRING:
        return None
    if field.choices and value not in field.choices:
        return f"{shown(value)} is not one of the choices"
    longest = field.max_length or DEFAULT_LENGTH
    if not (field.min_length or 0) <= len(value) <= longest:
        least = field.min_length or 0
        return f"has {len(value)} characters, not {least} to {longest}"
    if field.pattern is not None and _compiles(field.pattern) is None:
        if not _matches(field.pattern, value):
            return f"{shown(value)} does not match the pattern"
    return None


def _pattern(loc: Loc, field: FieldSpec) -> Iterator[Issue]:
    """A pattern must compile wherever it is used, and comes with an example."""
    if field.pattern is None or field.type is not ValueType.STRING:
        return
    problem = _compiles(field.pattern)
    if problem:
        yield (*loc, "pattern"), problem
    elif field.example is None and field.default is None and not field.choices:
        yield (*loc, "pattern"), "needs an `example` that matches it; add one"


def _compiles(pattern: str) -> str | None:
    """Why a pattern is of no use, or nothing."""
    try:
        SchemaValidator(core_schema.str_schema(pattern=f"^(?:{pattern})$"))
        SchemaValidator(core_schema.str_schema(pattern=pattern))
    except SchemaError as error:
        look = re.search(r"look-around|backreference", str(error))
        if look:
            return (
                f"uses a {look[0]}, which pydantic's expressions lack; say it without"
            )
        return f"is not a regular expression{_reason(pattern)}"
    reason = _reason(pattern)
    return f"is not a regular expression of Python{reason}" if reason else None


def _reason(pattern: str) -> str:
    """What Python has against a pattern."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            re.compile(pattern)
    except re.error as error:
        return f": {error.msg}"
    except (OverflowError, RecursionError):
        return ": too large"
    return ""


def _matches(pattern: str, value: str) -> bool:
    """Whether a text matches as a whole; in linear time, whatever the pattern."""
    validator = SchemaValidator(core_schema.str_schema(pattern=f"^(?:{pattern})$"))
    try:
        validator.validate_python(value)
    except ValidationError:
        return False
    return True


def _variable(loc: Loc, variable: VariableSpec) -> Iterator[Issue]:
    """The issues of one configuration variable."""
    default = variable.default
    yield from choices(loc, variable.choices)
    if variable.secret and default is not None:
        yield (*loc, "default"), "a secret has no default; remove it"
    elif variable.required and default is not None:
        yield (*loc, "default"), "a required variable needs no default; remove one"
    if variable.secret and variable.type is not VariableType.STRING:
        yield (*loc, "type"), "a secret is a string; remove the type"
    if variable.choices and variable.type is not VariableType.STRING:
        message = f"fit only the type string, not {variable.type}"
        yield (*loc, "choices"), f"{message}; remove them"
    if default is None or variable.secret:
        return
    if not VARIABLE_FITS[variable.type](default):
        called = _VARIABLE_CALLED[variable.type]
        message = f"must be {called}, as the type says, not {named(default)}"
        yield (*loc, "default"), message
    elif variable.choices and default not in variable.choices:
        yield (*loc, "default"), f"{shown(default)} is not one of the choices"


def is_text(value: Scalar) -> bool:
    """Whether a value is text."""
    return isinstance(value, str)


def is_integer(value: Scalar) -> bool:
    """Whether a value is a whole number."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_number(value: Scalar) -> bool:
    """Whether a value is a number."""
    return is_integer(value) or (isinstance(value, float) and math.isfinite(value))


def is_boolean(value: Scalar) -> bool:
    """Whether a value is true or false."""
    return isinstance(value, bool)


def is_datetime(value: Scalar) -> bool:
    """Whether a value is a moment as ISO 8601 spells it, with its offset."""
    try:
        return datetime.fromisoformat(str(value)).tzinfo is not None
    except ValueError:
        return False


def is_url(value: Scalar) -> bool:
    """Whether a value is the URL of a server."""
    return is_text(value) and bool(
        re.fullmatch(r"[a-z][a-z0-9+.-]*://[^\s/]+\S*", str(value))
    )


_FITS: dict[ValueType, Callable[[Scalar], bool]] = {
    ValueType.STRING: is_text,
    ValueType.INTEGER: is_integer,
    ValueType.NUMBER: is_number,
    ValueType.BOOLEAN: is_boolean,
    ValueType.DATETIME: is_datetime,
}
_CALLED = {
    ValueType.STRING: "text",
    ValueType.INTEGER: "a whole number",
    ValueType.NUMBER: "a number",
    ValueType.BOOLEAN: "true or false",
    ValueType.DATETIME: "a moment such as 2030-01-31T12:00:00Z",
}
VARIABLE_FITS: dict[VariableType, Callable[[Scalar], bool]] = {
    VariableType.STRING: is_text,
    VariableType.INTEGER: is_integer,
    VariableType.NUMBER: is_number,
    VariableType.BOOLEAN: is_boolean,
    VariableType.URL: is_url,
}
_VARIABLE_CALLED = {
    VariableType.STRING: "text",
    VariableType.INTEGER: "a whole number",
    VariableType.NUMBER: "a number",
    VariableType.BOOLEAN: "true or false",
    VariableType.URL: "a URL such as https://api.example.com",
}
COLUMNS_OF_VALUE: dict[ValueType, frozenset[ColumnType]] = {
    ValueType.STRING: frozenset({ColumnType.STRING, ColumnType.TEXT, ColumnType.UUID}),
    ValueType.INTEGER: frozenset(
        {ColumnType.INTEGER, ColumnType.BIGINT, ColumnType.NUMBER, ColumnType.DECIMAL}
    ),
    ValueType.NUMBER: frozenset({ColumnType.NUMBER, ColumnType.DECIMAL}),
    ValueType.BOOLEAN: frozenset({ColumnType.BOOLEAN}),
    ValueType.DATETIME: frozenset({ColumnType.DATETIME}),
    ValueType.OBJECT: frozenset({ColumnType.JSON}),
    ValueType.ARRAY: frozenset({ColumnType.JSON}),
}
