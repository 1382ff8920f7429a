"""Points routes and the service beneath them."""

from unittest.mock import patch

import pytest

from services import points_service


def test_balance_needs_key(client):
    assert client.get("/api/v1/points/discord:1").status_code == 401


def test_balance(client, headers):
    with patch("services.points_service.db.fetch_one", return_value={"points": 12}):
        answer = client.get("/api/v1/points/discord:1", headers=headers)
    assert answer.status_code == 200
    assert answer.get_json() == {"user_id": "discord:1", "points": 12}


@pytest.mark.parametrize("amount", [0, -4, "10", True, None])
def test_grant_refuses_odd_amounts(client, headers, amount):
    answer = client.post(
        "/api/v1/points/grant",
        json={"user_id": "discord:1", "amount": amount},
        headers=headers,
    )
    assert answer.status_code == 400


def test_grant(client, headers):
    with patch("services.points_service.credit", return_value=60) as credit:
        answer = client.post(
            "/api/v1/points/grant",
            json={"user_id": "discord:1", "amount": 10},
            headers=headers,
        )
    assert answer.get_json()["points"] == 60
    credit.assert_called_once_with(7, "discord:1", 10, "grant")


def test_transfer_to_self(client, headers):
    answer = client.post(
        "/api/v1/points/transfer",
        json={"sender": "discord:1", "receiver": "discord:1", "amount": 1},
        headers=headers,
    )
    assert answer.status_code == 400


def test_label_tiers():
    rows = points_service.label_tiers([{"points": 700}], {"a": 0, "b": 500, "c": 5000})
    assert rows[0]["tier"] == "b"
