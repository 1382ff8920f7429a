"""One defect put into a clean generated module yields exactly the finding that is meant."""

import shutil
from pathlib import Path

import pytest

from tests.helpers import CACHES, ROOT
from tests.mutations import DEFECTS, NOT_HERE
from waddlegen.check import Options, check
from waddlegen.rules.rule import load

GENERATED = ROOT / "generated"
MODULE = "inventory_interaction"
EXTRA = "utils/extra.py"

# A new file of the module, whole: formatted, documented, and wrong in one way.
FILES = {
    "WB212": "def read() -> None:\n    {doc}\n    try:\n        int('x')\n    except Exception:\n        pass\n",
    "WB213": "async def read(url: str) -> None:\n    {doc}\n    async with aiohttp.ClientSession() as session:\n        await session.get(url)\n",
    "WB216": "def read() -> object:\n    {doc}\n    return error_response('not found', 404)\n",
    "WB401": "DB_PASSWORD = 'postgres123'\n",
    "WB402": "SECRET = os.getenv('JWT_SECRET', 'waddle-secret')\n",
    "WB403": "URL = 'postgresql://waddlebot:hunter2@db/waddlebot'\n",
    "WB413": "def same(api_key: str, known_api_key: str) -> bool:\n    {doc}\n    return api_key == known_api_key\n",
    "WB414": "def verify_token(token: str) -> bool:\n    {doc}\n    if not settings().jwt_secret:\n        return True\n    return token == ''\n",
    "WB416": "def refuse() -> None:\n    {doc}\n    error_response(401, 'unauthorized')\n",
    "WB417": "def peek(jwt: Any, token: str) -> Any:\n    {doc}\n    return jwt.get_unverified_claims(token)\n\n\ndef admit(jwt: Any, token: str, authorize: Any) -> Any:\n    {doc}\n    claims = peek(jwt, token)\n    return authorize(claims)\n",
    "WB418": "def invite_code() -> str:\n    {doc}\n    return random.choice('abcdef')\n",
    "WB432": "def sign(body: dict[str, str], secret: bytes) -> bytes:\n    {doc}\n    return hmac.new(secret, json.dumps(body).encode(), hashlib.sha256).digest()\n",
    "WB437": "def known(token: str) -> bool:\n    {doc}\n    return token in 'abc,def'\n",
    "WB438": "def issue(jwt: Any, user: str, key: str) -> Any:\n    {doc}\n    return jwt.encode({{'sub': user}}, key, algorithm='HS256')\n",
    "WB439": "def caller_key() -> str:\n    {doc}\n    return request.headers.get('X-API-Key') or request.args.get('api_key', '')\n",
    "WB440": "def keep(response: Any, token: str) -> None:\n    {doc}\n    response.set_cookie('session', token)\n",
    "WB457": "async def owner(db: Any, digest: str) -> Any:\n    {doc}\n    return await db.fetchrow('SELECT name FROM api_keys WHERE key_hash = $1', digest)\n\n\nasync def revoke(db: Any, name: str) -> None:\n    {doc}\n    await db.execute('UPDATE api_keys SET is_active = FALSE WHERE name = $1', name)\n",
    "WB441": "async def find(db: Any, name: str) -> Any:\n    {doc}\n    return await db.fetch(f\"SELECT * FROM inventory_items WHERE name = '{{name}}'\")\n",
    "WB443": "def read(text: str) -> object:\n    {doc}\n    return eval(text)\n",
    "WB551": "async def wait() -> None:\n    {doc}\n    time.sleep(1)\n",
    "WB552": "async def names(db: Any, ids: list[int]) -> None:\n    {doc}\n    for each in ids:\n        await db.fetch('SELECT name FROM inventory_items WHERE id = $1', each)\n",
    "WB553": "_seen: dict[str, int] = {{}}\n\n\ndef note(user: str) -> None:\n    {doc}\n    _seen[user] = 1\n",
    "WB554": "async def every(tasks: list[Any]) -> Any:\n    {doc}\n    return await asyncio.gather(*tasks)\n",
    "WB428": "def change(data: dict[str, str]) -> list[str]:\n    {doc}\n    AddItemParams.model_validate(data)\n    return sorted(data)\n",
    "WB559": "async def every(jobs: list[Any]) -> list[Any]:\n    {doc}\n    found = await asyncio.gather(*jobs, return_exceptions=True)\n    return [each for each in found if isinstance(each, int)]\n",
    "WB555": "async def start() -> None:\n    {doc}\n    asyncio.create_task(asyncio.sleep(1))\n",
    "WB556": "def now() -> datetime:\n    {doc}\n    return datetime.utcnow()\n",
    "WB603": "def note(item: int) -> None:\n    {doc}\n    logger.info('AUDIT item %s deleted', item)\n",
    "WB609": "def tell() -> None:\n    {doc}\n    print('started')\n",
    "WB611": "def tell(token: str) -> None:\n    {doc}\n    logger.info('using %s', token)\n",
    "WB613": "def tell(email: str) -> None:\n    {doc}\n    logger.info('mail to %s', email)\n",
    "WB615": "def tell(event: dict[str, str]) -> None:\n    {doc}\n    logger.info('said %s', event['message'])\n",
    "WB217": "def tell(user_id: str, community_id: int) -> None:\n    {doc}\n    log_audit_event(user_id, community_id, 'read', 'success')\n",
    "WB821": "import httpx\n\nERRORS = (httpx.HTTPError,)\n",
    "WB831": "ROUTER = 'http://core-router:8000'\n",
    "WB103": "def require_api_key(role: str) -> str:\n    {doc}\n    return role\n",
    "WB445": 'app = cors(object(), allow_origin="*", allow_credentials=True)\n',
    "WB558": "def note(name: str, seen: list[str] = []) -> list[str]:\n    {doc}\n    seen.append(name)\n    return seen\n",
    "WB562": "async def stop() -> None:\n    {doc}\n    await asyncio.sleep(1)\n\n\nasync def start() -> None:\n    {doc}\n    await asyncio.to_thread(stop)\n",
    "WB904": 'SEEN = Counter("seen_total", "Seen", ["user"])\n\n\ndef note(user_id: str) -> None:\n    {doc}\n    SEEN.labels(user_id).inc()\n',
    "WB905": 'SEEN = Counter("seen_total", "Seen")\n',
    "WB906": 'SEEN = Counter("seen_total", "Seen", ["kind"])\n\n\ndef note() -> None:\n    {doc}\n    SEEN.labels("a", "b").inc()\n',
    "WB991": "VALUE = 1  # waddlegen: ignore[WB401]\n",
}
IMPORTS = {
    "WB213": "import aiohttp",
    "WB216": "from flask_core.api import error_response",
    "WB402": "import os",
    "WB428": "from models import AddItemParams",
    "WB559": "import asyncio\nfrom typing import Any",
    "WB414": "from config import settings",
    "WB416": "from flask_core.api import error_response",
    "WB417": "from typing import Any",
    "WB418": "import random",
    "WB432": "import hashlib\nimport hmac\nimport json",
    "WB438": "from typing import Any",
    "WB439": "from quart import request",
    "WB440": "from typing import Any",
    "WB457": "from typing import Any",
    "WB441": "from typing import Any",
    "WB551": "import time",
    "WB552": "from typing import Any",
    "WB554": "import asyncio\nfrom typing import Any",
    "WB555": "import asyncio",
    "WB562": "import asyncio",
    "WB556": "from datetime import datetime",
    "WB603": "from utils.logging import logger",
    "WB217": "from flask_core.logging import log_audit_event",
    "WB611": "from utils.logging import logger",
    "WB613": "from utils.logging import logger",
    "WB615": "from utils.logging import logger",
    "WB445": "from flask_core.cors import cors",
    "WB904": "from prometheus_client import Counter",
    "WB905": "from prometheus_client import Counter",
    "WB906": "from prometheus_client import Counter",
}

# A change of a file that is there: what is replaced, and by what.
EDITS = {
    "WB201": ("utils/logging.py", 'get_logger("', 'get_logger( "'),
    "WB202": ("utils/logging.py", "logger = ", "import os\n\nlogger = "),
    "WB204": (
        "handlers/items.py",
        '    """The feature\'s service, with what the module works with."""\n',
        "",
    ),
    "WB411": (
        "handlers/items.py",
        '@blueprint.get("/api/v1/inventory")\n@require_api_key(role="user")\n',
        '@blueprint.get("/api/v1/inventory")\n',
    ),
    "WB302": (
        "tests/test_integration.py",
        "async def test_metrics_count_requests",
        'async def test_nothing(client: Any) -> None:\n    """Nothing."""\n'
        '    await client.get("/healthz")\n\n\nasync def test_metrics_count_requests',
    ),
    "WB704": (".env.example", "MODULE_VERSION=0.2.0\n", ""),
}


@pytest.fixture
def module(tmp_path: Path) -> Path:
    """A copy of a generated module, with the library and the manifests beside it."""
    for name in (MODULE, "libs", ".github", ".waddlegen"):
        shutil.copytree(GENERATED / name, tmp_path / name, ignore=CACHES)
    return tmp_path / MODULE


def found(module: Path) -> set[str]:
    """The rules that find something."""
    return {finding.code for finding in check([module], Options()).findings}


@pytest.mark.parametrize("code", FILES)
def test_a_defect_in_a_new_file_is_what_is_found(code: str, module: Path) -> None:
    """The rule that is meant, and no other."""
    text = FILES[code].format(doc='"""Do one thing."""')
    parts = [f'"""One defect: {code}."""', IMPORTS.get(code, ""), text]
    source = "\n\n".join(part for part in parts if part)
    source = source.replace("'", '"') if '"SELECT' not in text else source
    path = module / EXTRA
    path.write_text(_formatted(source), "utf-8")

    assert {code} == found(module)


def _formatted(source: str) -> str:
    """The source as black would have it."""
    import black

    return black.format_str(source, mode=black.Mode())


@pytest.mark.parametrize("code", [code for code, edit in EDITS.items() if edit])
def test_a_defect_in_a_file_that_is_there_is_what_is_found(
    code: str, module: Path
) -> None:
    """The rule that is meant, and no other."""
    name, before, after = EDITS[code] or ("", "", "")
    path = module / name
    text = path.read_text("utf-8")
    assert before in text
    path.write_text(text.replace(before, after, 1), "utf-8")

    assert {code} == found(module)


@pytest.mark.parametrize("code", DEFECTS)
def test_a_defect_around_the_code_is_what_is_found(code: str, module: Path) -> None:
    """The rule that is meant, and no other."""
    for name, before, after in DEFECTS[code]:
        path = module / name
        if after is None:
            path.unlink()
        elif before is None:
            assert not path.exists()
            path.parent.mkdir(exist_ok=True)
            path.write_text(after, "utf-8")
        else:
            head, found_it, tail = path.read_text("utf-8").rpartition(before)
            assert found_it, f"{name} has no {before!r}"
            path.write_text(f"{head}{after}{tail}", "utf-8")

    assert {code} == found(module)


def test_every_rule_has_a_defect() -> None:
    """Or a reason why none can be put into a rendered module."""
    every = set(load())
    tried = {*FILES, *EDITS, *DEFECTS}

    assert set() == every - tried - NOT_HERE.keys()
    assert set() == tried & NOT_HERE.keys()
