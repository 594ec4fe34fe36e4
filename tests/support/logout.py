"""A provider's sign-outs: logout tokens of the AD FS double, each free to break one rule, and what they name."""

import pytest

from proxy.demo.adfs import AdfsDouble
from proxy.demo.adfs_model import pairwise_subject
from support import tokens
from support.world import CLIENT_ID

EVENT = "http://schemas.openid.net/event/backchannel-logout"


@pytest.fixture
async def one(world, browser):
    """A world, in which alice is signed in."""
    one = await world()
    await browser.sign_in(one.url("/main.aspx"))
    return one


async def is_in(one, browser) -> bool:
    return (await browser.fetch(one.url("/api/data/v9.2/WhoAmI"))).status == 200


def sids_of(adfs: AdfsDouble) -> list[str]:
    """The `sid` of every single sign-on, in the order in which they were made."""
    return [login.provider_session for login in adfs.state.logins.values()]


def subject_of(adfs: AdfsDouble, account: str = "alice") -> str:
    """The pairwise `sub` of an account."""
    return pairwise_subject(next(person for person in adfs.state.people if person.account == account), CLIENT_ID)


def claims(adfs: AdfsDouble, token_id: str = "token-1", **changes) -> dict[str, object]:
    """The claims of a logout token for the first single sign-on; one set to `...` is taken out."""
    now = int(adfs.state.clock())
    plain = {
        "iss": adfs.state.issuer.url,
        "aud": CLIENT_ID,
        "iat": now,
        "exp": now + 120,
        "jti": token_id,
        "events": {EVENT: {}},
        "sid": next(iter(sids_of(adfs)), "no-sign-on"),
    }
    return tokens.changed(plain, **changes)


def logout_token(adfs: AdfsDouble, token_id: str = "token-1", header=(), key=None, algorithm="RS256", **changes) -> str:
    """A logout token that keeps every rule but for the changes (OpenID Connect Back-Channel Logout 1.0, 2.4)."""
    signing = adfs.state.keys.signing
    head = tokens.changed({"alg": algorithm, "kid": signing.x5t, "typ": "logout+jwt"}, **dict(header))
    payload = claims(adfs, token_id, **changes)
    if algorithm == "none":
        return f"{tokens.part(head)}.{tokens.part(payload)}."
    return tokens.sign(head, payload, key or signing.private, algorithm)
