"""Check that each name is used once, and that none hides one of the generated code."""

import builtins
import keyword
from collections.abc import Iterable, Iterator

from waddlegen.consistency.facts import Facts, Issue, Loc, repeated
from waddlegen.endpoint import crud_ids
from waddlegen.names import pascal
from waddlegen.spec import CrudSpec, FeatureSpec

# Names that generated handlers and services import or bind.
_IN_HANDLERS = frozenset(
    "accepted_response action_response audited blueprint cached call call_params "
    "current_delivery delivery event flat_response html_response idempotent idempotent_call params "
    "public quart rate_limit read_action read_body read_flat read_query "
    "redirect_response request require_api_key require_jwt resources result "
    "result_response self service settings text_response time_limit webhook".split()
)
# Names that the generated main.py imports or binds beside the features.
_IN_MAIN = frozenset(
    "announce app asyncio blueprint blueprints config containing create_app "
    "credentials flask_core handlers logging main models os services settings sys "
    "utils".split()
)
# Names that generated models, handlers and services import.
_CLASSES = frozenset(
    "Annotated Any Base BaseModel BigInteger Blueprint Boolean Call CheckConstraint "
    "Column CommunityScoped ConfigDict Consumer Date DateTime Decimal Enum Event "
    "ExternalApi False Field Float ForeignKey Identity Index Integer Iterator Job JSON "
    "JSONB Literal Mapped Mapping ModuleCall ModuleConfig None Numeric Optional Page "
    "Params Resources Response Result SecretStr Sequence Settings String Text Time "
    "Timestamped True UniqueConstraint Uuid UUID WebhookDelivery".split()
)
_BUILTINS = frozenset(dir(builtins))


def check(facts: Facts) -> Iterator[Issue]:
    """Every issue of names."""
    yield from _declared(facts)
    yield from _features(facts)
    yield from _functions(facts)
    yield from _endpoints(facts)
    yield from _classes(facts)


def _declared(facts: Facts) -> Iterator[Issue]:
    """Names that must be unique in the module."""
    spec = facts.spec
    for part, key, kind, names in (
        ("config", "name", "variable", [v.name for v in spec.config]),
        ("tables", "name", "table", [t.name for t in spec.tables]),
        ("external_apis", "id", "API", [a.id for a in spec.external_apis]),
        ("calls", "module", "module", [c.module for c in spec.calls]),
        ("publishes", "name", "event", [e.name for e in spec.publishes]),
        ("features", "id", "feature", [f.id for f in spec.features]),
        ("legacy_names", None, "name", list(spec.legacy_names)),
    ):
        tails = [(n, (i, key) if key else (i,)) for i, n in enumerate(names)]
        yield from repeated((part,), tails, kind)
    for part, kind in (("webhooks", "webhook"), ("jobs", "job")):
        yield from repeated((), _ids_across(facts, part), kind)
    for index, name in enumerate(spec.legacy_names):
        if name == spec.id:
            yield ("legacy_names", index), f'"{name}" is the name it has now; remove it'


def _ids_across(facts: Facts, part: str) -> Iterator[tuple[str, Loc]]:
    """The ids of one kind of thing in all features, and where they stand."""
    for loc, feature in facts.features():
        for index, item in enumerate(getattr(feature, part)):
            yield item.id, (*loc, part, index, "id")


def _features(facts: Facts) -> Iterator[Issue]:
    """Features become Python files that main.py imports by name."""
    for loc, feature in facts.features():
        if keyword.iskeyword(feature.id):
            yield (*loc, "id"), f'"{feature.id}" is a Python keyword; choose another'
        elif feature.id in _IN_MAIN:
            message = f'"{feature.id}" is a name of the generated main.py; choose'
            yield (*loc, "id"), f"{message} another"


def _named_functions(feature: FeatureSpec) -> Iterator[tuple[str, Loc, str]]:
    """The handler functions of a feature: name, where it comes from, what it is."""
    for index, action in enumerate(feature.actions):
        yield action.id, ("actions", index, "id"), "action"
        if action.alias:
            name = f"{action.id}_alias"
            yield name, ("actions", index, "alias"), f"alias of {action.id}"
    for index, route in enumerate(feature.routes):
        yield route.id, ("routes", index, "id"), "route"
    for index, crud in enumerate(feature.crud):
        for name in _crud_functions(crud):
            yield name, ("crud", index, "table"), f"crud of {crud.table}"
    for index, webhook in enumerate(feature.webhooks):
        yield webhook.id, ("webhooks", index, "id"), "webhook"
    for index, consumed in enumerate(feature.consumes):
        name, at = consumed.function, ("consumes", index, "event")
        yield name, at, f"consumer of {consumed.event}"
    for index, job in enumerate(feature.jobs):
        yield job.id, ("jobs", index, "id"), "job"


def _crud_functions(crud: CrudSpec) -> Iterable[str]:
    """The functions a CRUD shorthand stands for."""
    ids = crud_ids(crud.table)
    return (ids[operation] for operation in dict.fromkeys(crud.operations))


def _functions(facts: Facts) -> Iterator[Issue]:
    """Functions of one handler file must differ, and hide nothing it uses."""
    for loc, feature in facts.features():
        seen: dict[str, str] = {}
        for name, tail, kind in _named_functions(feature):
            at = (*loc, *tail)
            if name in seen:
                clash = f'defines the function "{name}", as does the {seen[name]}'
                yield at, f"the {kind} {clash}; rename one"
            seen.setdefault(name, kind)
            reason = _taken(name)
            if reason:
                yield at, f'"{name}" is {reason}; choose another'


def _taken(name: str) -> str | None:
    """Why a function may not have a name."""
    if keyword.iskeyword(name):
        return "a Python keyword"
    if name in _BUILTINS:
        return "a Python builtin"
    if name in _IN_HANDLERS:
        return "a name that generated handlers use"
    return None


def _endpoints(facts: Facts) -> Iterator[Issue]:
    """Endpoints of all features share one models.py, so their classes must differ."""
    seen: dict[str, tuple[str, Loc]] = {}
    for loc, feature in facts.features():
        for name, tail, _ in _named_functions(feature):
            if tail[0] not in ("actions", "routes", "crud") or tail[-1] == "alias":
                continue
            class_name = f"{pascal(name)}Params"
            first, home = seen.setdefault(class_name, (name, loc))
            if home != loc:
                feature_id = facts.spec.features[int(home[1])].id
                message = f'"{name}" is taken by "{first}" of the feature {feature_id}'
                yield (*loc, *tail), f"{message} (both need {class_name}); rename one"
            elif first != name:
                message = f'"{name}" and "{first}" both need the class {class_name}'
                yield (*loc, *tail), f"{message}; rename one"


def _classes(facts: Facts) -> Iterator[Issue]:
    """Model classes differ from each other and from all that stands beside them."""
    others = {
        f"{pascal(name)}Params": f"the parameters of {name}"
        for _, feature in facts.features()
        for name, tail, _ in _named_functions(feature)
        if tail[0] in ("actions", "routes", "crud")
    } | {f.class_name: f"the service of {f.id}" for _, f in facts.features()}
    for index, table in enumerate(facts.spec.tables):
        name = table.class_name
        at: Loc = ("tables", index, "model" if table.model else "name")
        if name in _CLASSES or name in _BUILTINS or keyword.iskeyword(name):
            yield at, f'its model "{name}" hides a Python name; set `model` to another'
        elif name in others:
            message = f'its model "{name}" is named like {others[name]}'
            yield at, f"{message}; set `model` to another"
        others.setdefault(name, f"the model of {table.name}")
