"""Each platform's own way to sign, with the values they publish, and what is near to it."""

import hashlib
import hmac
import time
from collections.abc import Mapping

import pytest

from flask_core import webhooks
from flask_core.testing.signing import _SIGN, Signer
from flask_core.webhooks import SCHEMES, Proof, verify_webhook

SECRET = "It's a secret to everybody, and a long one"
BODY = b'{"event": "follow", "text": "\xc3\xa4"}'
Headers = dict[str, str]
# Public keys are of the platform's own making.
MADE = {
    scheme: Signer(
        scheme, None if scheme in ("discord_interactions", "kick_rsa") else SECRET
    )
    for scheme in SCHEMES
}


def mac(text: bytes, name: str = "sha256") -> str:
    """The hex HMAC under SECRET."""
    return hmac.new(SECRET.encode(), text, name).hexdigest()


def signed(scheme: str, body: bytes = BODY, age: float = 0.0) -> Headers:
    """The headers of a delivery of some seconds ago."""
    return MADE[scheme].headers(body, time.time() - age, "msg-1")


DATED = ("twitch_eventsub", "discord_interactions", "slack_v0", "kick_rsa")


def verify(
    scheme: str, headers: Mapping[str, str], body: bytes = BODY, key: str | None = None
) -> Proof | None:
    """What the scheme's verifier makes of a delivery."""
    secret = MADE[scheme].secret if key is None else key
    return SCHEMES[scheme](headers, body, secret)


def test_every_scheme_has_a_signer_here() -> None:
    """A scheme that is added is tried."""
    assert set(SCHEMES) == set(_SIGN)


@pytest.mark.parametrize("scheme", MADE)
def test_what_the_platform_signed_is_accepted(scheme: str) -> None:
    """Its id and type are known where the platform sends them."""
    proof = verify(scheme, signed(scheme))

    assert proof is not None
    assert ("msg-1" if scheme in ("twitch_eventsub", "kick_rsa") else None) == proof.id


@pytest.mark.parametrize("scheme", MADE)
def test_one_changed_bit_is_refused(scheme: str) -> None:
    """Of the body, of any header that counts, or of the key."""
    headers = signed(scheme)
    assert None is verify(scheme, headers, BODY + b" ")
    assert None is verify(scheme, headers, BODY.replace(b"follow", b"fellow"))
    for name, value in headers.items():
        if name.endswith("-Type"):
            continue
        middle = len(value) // 2
        other = "1" if value[middle] != "1" else "2"
        changed = value[:middle] + other + value[middle + 1 :]
        assert None is verify(scheme, {**headers, name: changed}), name
        assert None is verify(scheme, {**headers, name: ""}), name
        without = {key: text for key, text in headers.items() if key != name}
        assert None is verify(scheme, without), name
    for key in ("", "another secret of the same length as ours", "00" * 32):
        assert None is verify(scheme, headers, key=key)


@pytest.mark.parametrize("scheme", MADE)
@pytest.mark.parametrize(
    "signature",
    [
        "",
        "sha256=",
        "v0=",
        "\xe9\xff",
        "sha256=\u0660",
        "x" * 10_000,
        "None",
        "sha1=\x00",
    ],
    ids=ascii,
)
def test_a_malformed_signature_is_refused_and_raises_nothing(
    scheme: str, signature: str
) -> None:
    """Whatever a header can hold."""
    headers = signed(scheme)
    for name in headers:
        if "Signature" in name and "Timestamp" not in name:
            assert None is verify(scheme, {**headers, name: signature})


@pytest.mark.parametrize("scheme", DATED)
@pytest.mark.parametrize("age", [3600, -3600])
def test_a_delivery_that_is_too_old_or_from_the_future_is_refused(
    scheme: str, age: int
) -> None:
    """Though its signature is right."""
    assert None is verify(scheme, signed(scheme, age=age))
    assert None is not verify(scheme, signed(scheme, age=60))


def test_slack_as_its_documentation_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    """The example of Slack's own page about verifying requests."""
    monkeypatch.setattr(webhooks, "_is_fresh", lambda seconds, age: True)
    body = (
        b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow"
        b"&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner"
        b"&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com"
        b"%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
        b"&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
    )
    signature = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
    headers = {
        "X-Slack-Request-Timestamp": "1531420618",
        "X-Slack-Signature": signature,
    }

    assert Proof() == SCHEMES["slack_v0"](
        headers, body, "8f742231b10e8888abcd99yyyzzz85a5"
    )


def test_the_generic_hmac_as_github_shows() -> None:
    """GitHub's published test value of the same construction."""
    expected = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"

    assert verify_webhook(b"Hello, World!", expected, "It's a Secret to Everybody")
    assert verify_webhook(
        b"Hello, World!", f"sha256={expected}", "It's a Secret to Everybody"
    )
    assert not verify_webhook(b"Hello, World!", None, "It's a Secret to Everybody")


def test_hmac_as_rfc_4231_shows() -> None:
    """Test case 2."""
    expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"

    assert verify_webhook(b"what do ya want for nothing?", expected, "Jefe")


def test_websub_may_sign_with_sha256() -> None:
    """And with nothing weaker than sha1."""
    headers = {"X-Hub-Signature": f"sha256={mac(BODY)}"}
    assert Proof() == verify("youtube_websub", headers)
    md5 = hmac.new(SECRET.encode(), BODY, hashlib.md5).hexdigest()

    assert None is verify("youtube_websub", {"X-Hub-Signature": f"md5={md5}"})
