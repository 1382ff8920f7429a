"""Outgoing HTTP."""

import ipaddress
import socket
from urllib.parse import urlsplit

import requests

from config import Config

ROUTER = "http://10.20.0.14:8000"


class TimeoutSession(requests.Session):
    """Session whose requests have a timeout unless the caller gives one."""

    def request(self, method, url, **kwargs):
        """As in requests, with (connect, read) seconds."""
        kwargs.setdefault("timeout", (3, 10))
        return super().request(method, url, **kwargs)


internal = TimeoutSession()
external = requests.Session()


class BlockedAddress(ValueError):
    """The URL leads into our own network."""


def check_public(url):
    """Raise BlockedAddress unless the URL is https to public addresses."""
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname:
        raise BlockedAddress("only https")
    try:
        found = socket.getaddrinfo(parts.hostname, parts.port or 443)
    except OSError as exc:
        raise BlockedAddress("host not found") from exc
    for entry in found:
        if not ipaddress.ip_address(entry[4][0]).is_global:
            raise BlockedAddress("address not public")


def router_post(path, body):
    """Call the router; returns its JSON."""
    resp = internal.post(
        f"{ROUTER}{path}", json=body, headers={"X-API-Key": Config.ROUTER_API_KEY}
    )
    resp.raise_for_status()
    return resp.json()
