"""Random valid specs, with hostile texts wherever a spec holds free text."""

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

HOSTILE = [
    "",
    "say \"hi\" and 'bye'",
    "one\ntwo\n\nthree\n",
    "{{ module.id }} {{ '{{' }} }}",
    "{% raw %}{% endif %}{# c #}",
    "${HOME} $(whoami) `id` $$ %(x)s {0}",
    "back\\slash \\n \\",
    "# not a comment",
    "key: value # comment",
    "- item",
    "🦆 ünïcödé \u200d \u2028 \x85 \ufeff",
    '"""',
    "'''",
    "tab\there",
    "</script><b>&amp;",
    "| table | cell |",
    "*bold* _it_ [link](x) ![i](y) <http://x>",
    "yes",
    "null",
    "0x1F",
    "1e3",
    "~",
    "@handle %percent !bang &ref *star",
    "trailing space ",
    " leading",
    'ends with a quote"',
    "ends with a backslash\\",
    "${{ secrets.TOKEN }}",
    "EOF\nRUN rm -rf /",
    "long " * 2000,
    "x" * 10_000,
]

_FREE = st.text(
    st.characters(
        codec="utf-8", exclude_categories=("Cs", "Cc"), include_characters="\n\t"
    ),
    max_size=60,
)
texts = st.one_of(st.sampled_from(HOSTILE), _FREE)
short_texts = st.one_of(st.sampled_from(HOSTILE[:-2]), _FREE)
titles = texts.filter(lambda text: bool(text.strip()))
_WORDS = st.sampled_from(
    "a item thing very_long_name_of_something_indeed from metadata values class json copy"
    " user lambda key order".split()
)


def draw_name(draw: Any, kind: str, number: int) -> str:
    """A name that is unique by its number, short or as long as names may be."""
    word = draw(st.sampled_from(["", "x", "quite_long_words_here"]))
    return f"{kind}_{word}_{number}".replace("__", "_")


@st.composite
def fields(draw: Any, number: int, required: bool | None = None) -> dict[str, Any]:
    """One parameter of any type."""
    kind = draw(
        st.sampled_from("string integer number boolean datetime object array".split())
    )
    field: dict[str, Any] = {
        "name": f"{draw(_WORDS)}" if number == 0 else draw_name(draw, "p", number),
        "type": kind,
        "required": draw(st.booleans()) if required is None else required,
        "description": draw(texts),
    }
    if kind == "string":
        field |= draw(st.sampled_from([{}, {"max_length": 5000}, {"min_length": 1}]))
        if draw(st.booleans()):
            some = short_texts.filter(lambda text: bool(text.strip()))
            choices = draw(st.lists(some, min_size=1, max_size=3, unique=True))
            field = {k: v for k, v in field.items() if not k.endswith("_length")}
            field |= {"choices": choices}
        elif not field["required"]:
            field |= {"default": draw(short_texts)} if "min_length" not in field else {}
    if kind in ("integer", "number") and draw(st.booleans()):
        field |= {"minimum": -5, "maximum": 100}
    if kind == "array":
        field |= {"items": draw(st.sampled_from(["string", "integer", "object"]))}
    return field


_COLUMNS: list[dict[str, Any]] = [
    {"type": "string", "length": 40, "default": "x"},
    {"type": "text", "nullable": True},
    {"type": "integer", "default": 0, "minimum": 0},
    {"type": "bigint", "nullable": True},
    {"type": "number", "default": 1.5},
    {"type": "decimal", "precision": 5, "scale": 2, "nullable": True},
    {"type": "boolean", "default": True},
    {"type": "datetime", "default": "now"},
    {"type": "json", "default": "{}"},
    {"type": "uuid", "nullable": True},
    {"type": "text", "encrypted": True, "nullable": True},
]


@st.composite
def tables(draw: Any, number: int) -> dict[str, Any]:
    """A table with a text column `label`, a number `stock` and a few of every type."""
    extra = draw(st.lists(st.sampled_from(_COLUMNS), max_size=5))
    names = ["metadata", *(draw_name(draw, "c", n) for n in range(1, 6))]
    columns = [
        {"name": "label", "description": draw(texts), "index": draw(st.booleans())},
        {"name": "stock", "type": "integer", "default": 0},
        *(
            {"name": n, "description": draw(texts), **c}
            for n, c in zip(names, extra, strict=False)
        ),
    ]
    if draw(st.booleans()):
        choices = draw(
            st.lists(
                short_texts.filter(lambda t: bool(t.strip()) and len(t) < 200),
                min_size=1,
                max_size=3,
                unique=True,
            )
        )
        columns.append({"name": "state", "choices": choices, "default": choices[0]})
    table: dict[str, Any] = {
        "name": draw_name(draw, "t", number) + "s",
        "description": draw(texts),
        "columns": columns,
        "community_scoped": draw(st.booleans()),
        "timestamps": draw(st.booleans()),
    }
    if draw(st.booleans()):
        table["indexes"] = [
            {"columns": ["label", "stock"], "unique": draw(st.booleans())}
        ]
    return table


Maker = Callable[[str, str], dict[str, Any]]

_ID = {"name": "row_id", "type": "integer", "required": True}
_LABEL = {"name": "label", "required": True, "max_length": 255}


def _table_operations(table: str) -> list[dict[str, Any]]:
    """Params and operation of each kind of work on a table."""
    by_id = {"id": "row_id"}
    return [
        {"params": [_LABEL], "operation": {"do": "create", "table": table}},
        {
            "params": [{"name": "from", "required": True, "max_length": 255}],
            "operation": {
                "do": "create",
                "table": table,
                "columns": {"from": "label"},
                "set": {"stock": 3},
            },
        },
        {"params": [_ID], "operation": {"do": "get", "table": table, "where": by_id}},
        {
            "params": [{"name": "label"}],
            "operation": {
                "do": "list",
                "table": table,
                "where": {"label": "label"},
                "order_by": "-id",
            },
        },
        {
            "params": [_ID, {"name": "label", "max_length": 255}],
            "operation": {
                "do": "update",
                "table": table,
                "where": by_id,
                "expect": {"stock": 1},
                "adjust": [
                    {
                        "table": table,
                        "column": "stock",
                        "where": {"id": "row_id"},
                        "by": "row.stock",
                        "minimum": 0,
                    }
                ],
            },
        },
        {
            "params": [_ID],
            "operation": {"do": "delete", "table": table, "where": by_id},
        },
    ]


_OTHER_OPERATIONS: list[dict[str, Any]] = [
    {
        "params": [_LABEL],
        "operation": {
            "do": "call",
            "api": "peer_api",
            "method": "POST",
            "path": "/x/{label}",
            "body": ["label"],
        },
    },
    {
        "params": [_LABEL],
        "operation": {
            "do": "call_module",
            "module": "labels-core",
            "action": "apply_label",
        },
    },
    {"params": [_LABEL], "operation": {"do": "publish", "event": "thing.happened"}},
    {"params": [_LABEL], "operation": {"do": "enqueue", "event": "thing.queued"}},
]


@st.composite
def actions(draw: Any, number: int, table: str | None) -> dict[str, Any]:
    """An action of any operation."""
    choices = [*_OTHER_OPERATIONS, *(_table_operations(table) if table else [])]
    action: dict[str, Any] = {
        "id": draw_name(draw, "act", number),
        "description": draw(texts),
        "role": draw(st.sampled_from(["trigger", "action", "core", "admin", "user"])),
        "timeout_seconds": draw(st.sampled_from([1, 2.5, 30])),
        "idempotent": draw(st.booleans()),
    }
    if draw(st.booleans()):
        params = [draw(fields(n)) for n in range(draw(st.integers(0, 4)))]
        result = [draw(fields(n)) for n in range(draw(st.integers(0, 2)))]
        action |= {"params": params, "result": result}
    else:
        action |= draw(st.sampled_from(choices))
    if draw(st.booleans()):
        action["alias"] = f"/api/v1/alias/{number}"
    if draw(st.booleans()):
        action["rate_limit"] = {
            "max_requests": 7,
            "window_seconds": 3,
            "on_failure": draw(st.sampled_from(["local", "refuse"])),
        }
    if draw(st.booleans()):
        action["emits"] = "thing.happened"
    return action


_ROUTES: list[dict[str, Any]] = [
    {"method": "GET", "path": "/plain", "produces": "text"},
    {
        "method": "GET",
        "path": "/page/{key}",
        "produces": "html",
        "public": "the key in the path is the secret",
        "params": [{"name": "key", "required": True}],
    },
    {"method": "GET", "path": "/away", "produces": "redirect", "community": False},
    {
        "method": "POST",
        "path": "/body/{number}",
        "params": [
            {"name": "number", "type": "integer", "required": True},
            {"name": "list", "type": "array"},
        ],
    },
    {
        "method": "PUT",
        "path": "/body/{number}",
        "params": [{"name": "number", "type": "integer", "required": True}],
    },
    {
        "method": "DELETE",
        "path": "/body/{key}",
        "params": [{"name": "key", "required": True}],
    },
    {
        "method": "WEBSOCKET",
        "path": "/ws/{number}",
        "params": [{"name": "number", "type": "integer", "required": True}],
    },
    {
        "method": "GET",
        "path": "/cached",
        "cache_seconds": 60,
        "params": [{"name": "flag", "type": "boolean"}],
    },
]


@st.composite
def features(draw: Any, number: int, table: str | None) -> dict[str, Any]:
    """A feature with actions, routes, CRUD, webhooks, consumers and jobs."""
    prefix = f"/api/v1/f{number}"
    feature: dict[str, Any] = {
        "id": draw_name(draw, "f", number),
        "description": draw(texts),
        "actions": [
            draw(actions(number * 10 + n, table))
            for n in range(draw(st.integers(1, 3)))
        ],
    }
    routes = draw(
        st.lists(
            st.sampled_from(_ROUTES),
            max_size=4,
            unique_by=lambda r: (r["method"], r["path"]),
        )
    )
    feature["routes"] = [
        {
            **route,
            "id": draw_name(draw, "route", number * 10 + n),
            "path": prefix + route["path"],
            "description": draw(texts),
        }
        for n, route in enumerate(routes)
    ]
    if table and number == 0 and draw(st.booleans()):
        feature["crud"] = [
            {"table": table, "path": f"{prefix}/rows", "filter": ["label"]}
        ]
    if number == 0 and draw(st.booleans()):
        feature["webhooks"] = [
            {
                "id": "hook",
                "path": "/webhook/hook",
                "verifier": draw(
                    st.sampled_from(
                        [
                            "twitch_eventsub",
                            "slack_v0",
                            "discord_interactions",
                            "kick_rsa",
                            "kick_hmac_legacy",
                            "generic_hmac",
                        ]
                    )
                ),
                "secret": "HOOK_SECRET",
                "description": draw(texts),
            },
            {
                "id": "feed",
                "path": "/webhook/feed",
                "verifier": "youtube_websub",
                "secret": "HOOK_SECRET",
                "verify_token": "HOOK_TOKEN",
            },
        ]
    if draw(st.booleans()):
        feature["consumes"] = [
            {
                "event": f"other.event{number}",
                "durable": draw(st.booleans()),
                "types": draw(st.lists(short_texts, max_size=2)),
                "description": draw(texts),
            }
        ]
        feature["jobs"] = [
            {
                "id": draw_name(draw, "job", number),
                "every_seconds": draw(st.sampled_from([1, 0.5, 3600])),
                "description": draw(texts),
            }
        ]
    return feature


@st.composite
def variables(draw: Any) -> list[dict[str, Any]]:
    """Configuration of every type, with hostile defaults."""
    return [
        {
            "name": "PLAIN_TEXT",
            "default": draw(short_texts),
            "description": draw(texts),
        },
        {"name": "PEER_URL", "type": "url", "default": "http://peer:80"},
        {
            "name": "SOME_NUMBER",
            "type": "number",
            "default": draw(st.sampled_from([0.5, 3, -1])),
        },
        {"name": "A_FLAG", "type": "boolean", "default": draw(st.booleans())},
        {
            "name": "HOW_MANY",
            "type": "integer",
            "default": 3,
            "description": draw(texts),
        },
        {"name": "HOOK_SECRET", "secret": True, "description": draw(texts)},
        {"name": "HOOK_TOKEN", "secret": True},
        {"name": "MAYBE_SECRET", "secret": True, "required": False},
    ]


@st.composite
def spec_values(draw: Any) -> dict[str, Any]:
    """A whole valid spec, as the YAML would hold it."""
    has_tables = draw(st.booleans())
    made = (
        [draw(tables(n)) for n in range(draw(st.integers(1, 2)))] if has_tables else []
    )
    table = made[0]["name"] if made else None
    singleton = draw(st.booleans())
    payload = [draw(fields(n, required=False)) for n in range(2)]
    return {
        "id": draw(
            st.sampled_from(["demo", "a-rather-long-id-for-a-module-of-it-all", "x1"])
        ),
        "title": draw(titles),
        "description": draw(texts),
        "owner": draw(short_texts.filter(lambda text: bool(text.strip()))),
        "category": draw(st.sampled_from(["trigger", "action", "core"])),
        "port": draw(st.integers(1024, 65535)),
        "singleton": singleton,
        "dependencies": {
            "postgres": "required" if made else "none",
            "redis": draw(st.sampled_from(["required", "optional"])),
        },
        "config": draw(variables()),
        "tables": made,
        "external_apis": [
            {
                "id": "peer_api",
                "base_url_from": "PEER_URL",
                "description": draw(texts),
                "headers": [
                    {
                        "name": "Authorization",
                        "variable": "HOOK_SECRET",
                        "prefix": draw(st.sampled_from(["", "Bearer ", "a\\\"b' "])),
                    }
                ],
            },
            {"id": "fixed_api", "base_url": "https://api.invalid/v1"},
        ],
        "calls": [{"module": "labels-core", "base_url": "http://core-labels:8023"}],
        "publishes": [
            {"name": "thing.happened", "description": draw(texts), "payload": payload},
            {"name": "thing.queued", "durable": True},
        ],
        "features": [draw(features(n, table)) for n in range(draw(st.integers(1, 2)))],
        "deployment": {"autoscaling": None} if singleton else {},
    }
