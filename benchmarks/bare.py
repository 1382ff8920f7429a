"""The least a Quart application can do with a POST: the peer of the full chain."""

from quart import Quart, request

app = Quart(__name__)


@app.post("/api/v1/action/look_up")
async def look_up() -> dict[str, object]:
    """Read the body and answer."""
    body = await request.get_json()
    return {"success": True, "action_id": "look_up", "name": body["params"]["name"]}


@app.get("/health")
async def health() -> dict[str, str]:
    """Say that it is there."""
    return {"status": "healthy"}
