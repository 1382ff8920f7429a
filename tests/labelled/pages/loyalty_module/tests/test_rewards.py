"""Reward shop."""

from unittest.mock import patch


def test_catalogue(client, headers):
    with patch("handlers.rewards.db.fetch_all", return_value=[]):
        client.get("/api/v1/rewards/?sort=name", headers=headers)


def test_redeem_unknown(client, headers):
    with patch("handlers.rewards.db.fetch_one", return_value=None):
        answer = client.post(
            "/api/v1/rewards/99/redeem", json={"user_id": "discord:1"}, headers=headers
        )
    assert answer.status_code == 404


def _assert_denied(answer):
    assert answer.status_code == 401


def test_catalogue_needs_key(client):
    _assert_denied(client.get("/api/v1/rewards/"))
