"""Turn one name into the spellings its targets use; never reads anything but the name."""

import hashlib
import keyword
import re

# A field of this name would hide a method of pydantic's BaseModel or of flask_core.datamodels.Params.
_MODEL_METHODS = frozenset(
    "construct copy dict fields from_orm json parse_file parse_obj parse_raw schema "
    "schema_json update_forward_refs validate values given chosen".split()
)
# SQLAlchemy's declarative base and flask_core's own columns claim these attributes.
_TABLE_ATTRIBUTES = frozenset({"metadata", "registry", "to_dict"})


def snake(name: str) -> str:
    """Spell a kebab-case id as a Python name: `ai-interaction` is `ai_interaction`."""
    return name.replace("-", "_").replace(".", "_")


def pascal(name: str) -> str:
    """Spell an id as a class name: `add_item` is `AddItem`."""
    return "".join(word[:1].upper() + word[1:] for word in re.split(r"[-_.]", name))


def upper(name: str) -> str:
    """Spell an id as an environment variable: `labels-core` is `LABELS_CORE`."""
    return snake(name).upper()


def singular(word: str) -> str:
    """Guess the singular of an English table name; a spec may say better with `model`."""
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("sses", "shes", "ches", "xes")):
        return word[:-2]
    if word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word


def class_of_table(table: str) -> str:
    """Name the model class of a table: `inventory_items` is `InventoryItem`."""
    *head, last = table.split("_")
    return pascal("_".join([*head, singular(last)]))


def field_name(name: str) -> str:
    """Spell a parameter as a pydantic attribute; a trailing `_` avoids Python's own names."""
    reserved = keyword.iskeyword(name) or name in _MODEL_METHODS
    return f"{name}_" if reserved or name.startswith("model_") else name


def column_attribute(name: str) -> str:
    """Spell a column as a model attribute; a trailing `_` avoids SQLAlchemy's own names."""
    reserved = keyword.iskeyword(name) or name in _TABLE_ATTRIBUTES
    return f"{name}_" if reserved else name


def identifier(name: str) -> str:
    """A name PostgreSQL takes as it is: a longer one is cut and told apart by a hash."""
    if len(name) <= 63:
        return name
    return f"{name[:54]}_{hashlib.sha256(name.encode()).hexdigest()[:8]}"
