"""What each type of node does. A handler returns the name of the port to leave by."""

from engine.expressions import truth
from engine.templating import render
from http_client import check_public, external, router_post


class NodeError(Exception):
    """A node could not be carried out."""


def do_condition(node, run):
    """Leave by `true` or `false`."""
    return "true" if truth(node["expression"], run.variables) else "false"


def do_set(node, run):
    """Set variables from templates."""
    for name, text in node.get("values", {}).items():
        run.variables[name] = render(str(text), run.variables)
    return "next"


def do_reply(node, run):
    """Send a message to the channel that the event came from."""
    router_post(
        "/api/v1/router/responses",
        {
            "community_id": run.community_id,
            "session_id": run.variables.get("session_id"),
            "message": render(node["text"], run.variables)[:2000],
        },
    )
    return "next"


def do_http(node, run):
    """Call a public https address; the answer becomes a variable."""
    url = render(node["url"], run.variables)
    check_public(url)
    method = node.get("method", "POST")
    if method not in ("GET", "POST", "PUT"):
        raise NodeError("method")
    resp = external.request(method, url, json=node.get("body"), allow_redirects=False)
    run.variables[node.get("into", "response")] = {
        "status": resp.status_code,
        "text": resp.text[:4000],
    }
    return "next" if resp.ok else "error"


def do_stop(node, run):
    """End here."""
    return None


HANDLERS = {
    "condition": do_condition,
    "set": do_set,
    "reply": do_reply,
    "http": do_http,
    "stop": do_stop,
}
