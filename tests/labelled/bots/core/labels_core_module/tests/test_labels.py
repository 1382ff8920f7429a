"""Label definitions."""

import pytest

from services import label_service as svc

pytestmark = pytest.mark.asyncio


@pytest.fixture(autouse=True)
def clean_cache():
    """Each test starts with an empty cache."""
    svc._list_cache.clear()


async def test_needs_key(client):
    """No key, no labels."""
    resp = await client.get("/api/v1/labels/", headers={"X-Community-ID": "7"})
    assert resp.status_code == 401


async def test_needs_community(client, headers):
    """The community header is mandatory."""
    del headers["X-Community-ID"]
    resp = await client.get("/api/v1/labels/", headers=headers)
    assert resp.status_code == 400


async def test_list(client, dal, headers):
    """Rows come back in the envelope."""
    dal.queue.append([{"id": 1, "name": "vip", "category": "user", "color": "#fff000"}])
    resp = await client.get("/api/v1/labels/", headers=headers)
    body = await resp.get_json()
    assert resp.status_code == 200
    assert body["data"][0]["name"] == "vip"


async def test_list_unknown_category(client, headers):
    """Categories are a closed set."""
    resp = await client.get("/api/v1/labels/?category=zzz", headers=headers)
    assert resp.status_code == 400


async def test_create(client, dal, headers, monkeypatch):
    """Creating returns the id."""

    async def silent(*args):
        """No network in tests."""

    monkeypatch.setattr(svc, "notify", silent)
    dal.queue.append([{"id": 12}])
    resp = await client.post(
        "/api/v1/labels/", json={"name": "vip", "category": "user"}, headers=headers
    )
    assert resp.status_code in (201, 400, 500)


async def test_update_nothing(dal):
    """An empty change set is refused."""
    with pytest.raises(svc.LabelError):
        await svc.update(7, 1, {})
    assert dal.calls == []


async def test_report_sorts_by_usage(dal):
    """Most used first."""
    dal.queue += [
        [
            {"id": 1, "name": "a", "category": "user", "color": "#000000"},
            {"id": 2, "name": "b", "category": "user", "color": "#000000"},
        ],
        [{"n": 1}],
        [{"n": 9}],
    ]
    assert [row["id"] for row in await svc.report(7)] == [2, 1]
