"""Messages to the router and to shop partners."""

import requests as http

from config import Settings
from utils.log import log


class PatientSession(http.Session):
    """A session whose calls always carry a time limit."""

    def request(self, method, url, **kwargs):
        """Send the request, five seconds at most unless told otherwise."""
        kwargs.setdefault("timeout", 5)
        return super().request(method, url, **kwargs)


router = PatientSession()


def _headers():
    return {Settings.API_KEY_HEADER: Settings.ROUTER_API_KEY}


def register():
    """Announce the module to the router; start-up goes on if it is away."""
    payload = {
        "module_id": Settings.MODULE_NAME,
        "module_version": Settings.MODULE_VERSION,
        "endpoints": ["/api/v1/points", "/api/v1/rewards"],
        "health_check": "/health",
        "port": Settings.MODULE_PORT,
    }
    url = f"{Settings.ROUTER_URL}/api/v1/register"
    try:
        router.post(url, json=payload, headers=_headers())
    except http.RequestException as exc:
        log.warning("ERROR action=register result=failure error=%s", exc)


def announce(community, text):
    """Have the router say something in the community's main channel."""
    try:
        answer = router.post(
            f"{Settings.ROUTER_URL}/api/v1/announce",
            json={"community_id": community, "text": text},
            headers=_headers(),
        )
        answer.raise_for_status()
    except http.RequestException as exc:
        log.error("ERROR community=%s action=announce error=%s", community, exc)


def order_item(endpoint, sku, user):
    """Ask a partner shop to ship a reward; return its order number."""
    answer = http.post(endpoint, json={"sku": sku, "recipient": user})
    answer.raise_for_status()
    return answer.json()["order"]
