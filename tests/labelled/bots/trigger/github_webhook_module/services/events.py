"""GitHub payloads -> the messages communities see."""

from typing import Any, Awaitable, Callable, Optional

from services import github_api

Formatter = Callable[[dict], Awaitable[Optional[str]]]


def shorten(text, limit=140):
    if text is None:
        return ""
    line = text.strip().splitlines()[0] if text.strip() else ""
    return line if len(line) <= limit else line[: limit - 1] + "…"


async def push(payload: dict[str, Any]) -> Optional[str]:
    """Pushes to the default branch."""
    repo = payload["repository"]
    if payload.get("ref") != f"refs/heads/{repo['default_branch']}":
        return None
    commits = payload.get("commits", [])
    if not commits:
        return None
    size = await github_api.totals(repo["full_name"], [c["id"] for c in commits])
    head = shorten(commits[-1]["message"])
    return (
        f"{payload['pusher']['name']} pushed {len(commits)} commit(s) to "
        f"{repo['full_name']} (+{size['additions']}/-{size['deletions']}): {head}"
    )


async def pull_request(payload: dict[str, Any]) -> Optional[str]:
    """Opened and merged pull requests."""
    pr = payload["pull_request"]
    action = payload["action"]
    if action == "closed" and pr.get("merged"):
        action = "merged"
    if action not in {"opened", "merged"}:
        return None
    title = shorten(pr["title"])
    return f"{pr['user']['login']} {action} #{pr['number']} {title} {pr['html_url']}"


async def issues(payload: dict[str, Any]) -> Optional[str]:
    """Opened and closed issues."""
    if payload["action"] not in {"opened", "closed"}:
        return None
    issue = payload["issue"]
    return f"issue #{issue['number']} {payload['action']}: {shorten(issue['title'])}"


async def release(payload: dict[str, Any]) -> Optional[str]:
    """Published releases."""
    if payload["action"] != "published":
        return None
    rel = payload["release"]
    return f"{payload['repository']['full_name']} released {rel['tag_name']}"


FORMATTERS: dict[str, Formatter] = {
    "push": push,
    "pull_request": pull_request,
    "issues": issues,
    "release": release,
}
