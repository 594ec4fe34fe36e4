"""A WS-Federation provider's metadata: fetched when needed, refreshed, kept through an outage, rolled over."""

import asyncio
import contextlib
from dataclasses import replace

import pytest

from proxy.demo.adfs_model import PEOPLE
from proxy.demo.adfs_saml import federation_metadata, response_for
from proxy.errors import ProviderMisconfigured, ProviderUnavailable, TokenRefused
from proxy.model.provider import IdentityProvider, Protocol, SecretText
from proxy.signin import federation as federation_module
from proxy.signin.federation import Federation
from proxy.tokens.keys import UnknownKey
from proxy.tokens.xml import LARGEST_TOKEN
from support.saml_tokens import ISSUER, NOW, REALM, other_key, signing_key

HOUR = 3600.0
ADDRESS = "https://adfs.contoso.com/FederationMetadata/2007-06/FederationMetadata.xml"
ENDPOINT = "https://adfs.contoso.com/adfs/ls/"


class Adfs:
    """What a test says of AD FS. `asked`: how often; `trouble`: raised instead of an answer; `held`: waits for it."""

    def __init__(self) -> None:
        self.asked = 0
        self.trouble: Exception | None = None
        self.held: asyncio.Event | None = None
        self.reached = asyncio.Event()
        self.endpoint = ENDPOINT
        self.signing, self.published = signing_key(), [signing_key()]

    async def fetch(self, url: str) -> bytes:
        assert url == ADDRESS
        self.asked += 1
        if self.trouble:
            raise self.trouble
        if self.held:
            self.reached.set()
            await self.held.wait()
        return self.document()

    def document(self) -> bytes:
        return federation_metadata(
            entity_id=ISSUER, endpoint=self.endpoint, signing=self.signing, published=self.published
        )

    def answer(self, now: float) -> str:
        return response_for(
            PEOPLE[0],
            issuer=ISSUER,
            realm=REALM,
            now=now,
            lifetime=HOUR,
            authenticated_at=now,
            method="urn:oasis:names:tc:SAML:1.0:am:password",
            key=self.signing,
        )


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def adfs() -> Adfs:
    return Adfs()


@pytest.fixture
def time() -> Clock:
    return Clock()


SETTINGS = IdentityProvider(
    "default", "", "", SecretText(""), protocol=Protocol.WS_FEDERATION, metadata=ADDRESS, realm=REALM
)


@pytest.fixture
def federation(adfs, time) -> Federation:
    return Federation(SETTINGS, adfs.fetch, time)


async def test_nothing_is_fetched_before_it_is_needed_and_then_every_twelve_hours(federation, adfs, time):
    assert adfs.asked == 0
    assert (await federation.metadata()).endpoint == ENDPOINT
    time.now += 12 * HOUR - 1
    await federation.metadata()
    assert adfs.asked == 1
    time.now += 1
    await federation.metadata()
    assert adfs.asked == 2


async def test_the_last_good_ones_serve_for_an_hour_of_an_outage(federation, adfs, time):
    await federation.metadata()
    adfs.trouble = ProviderUnavailable("away")
    time.now += 13 * HOUR - 1
    assert (await federation.metadata()).entity_id == ISSUER
    time.now += 1
    with pytest.raises(ProviderUnavailable):
        await federation.metadata()
    adfs.trouble = None
    assert (await federation.metadata()).entity_id == ISSUER


async def test_an_outage_is_not_asked_about_more_than_every_five_seconds(federation, adfs, time):
    await federation.metadata()
    adfs.trouble = ProviderUnavailable("away")
    time.now += 12 * HOUR
    for _ in range(10):
        await federation.metadata()
    assert adfs.asked == 2
    time.now += 5
    await federation.metadata()
    assert adfs.asked == 3


@pytest.mark.parametrize("document", [b"", b"<a/>", b"<!DOCTYPE a><a/>"])
async def test_what_is_no_metadata_is_the_provider_s_fault(adfs, time, document):
    async def fetch(_: str) -> bytes:
        return document

    with pytest.raises(ProviderMisconfigured, match=r"FederationMetadata\.xml: "):
        await Federation(SETTINGS, fetch, time).metadata()


@pytest.mark.parametrize(
    ("endpoint", "good"),
    [
        (ENDPOINT, True),
        ("http://127.0.0.1:8081/adfs/ls/", True),
        ("http://adfs.contoso.com/adfs/ls/", False),
        ("javascript:alert(1)", False),
        ("", False),
    ],
)
async def test_people_are_sent_to_https_or_loopback_alone(federation, adfs, endpoint, good):
    adfs.endpoint = endpoint
    if good:
        assert (await federation.metadata()).endpoint == endpoint
    else:
        with pytest.raises(ProviderMisconfigured, match="https"):
            await federation.metadata()


async def test_metadata_may_be_a_file(adfs, time, tmp_path):
    file = tmp_path / "metadata.xml"
    local = Federation(replace(SETTINGS, metadata=str(file)), adfs.fetch, time)
    with pytest.raises(ProviderUnavailable, match=r"metadata\.xml cannot be read"):
        await local.metadata()
    file.write_bytes(adfs.document())
    assert (await local.metadata()).entity_id == ISSUER
    assert adfs.asked == 0


async def test_a_token_says_who_signed_in(federation, adfs, time):
    verified = await federation.verify(adfs.answer(time.now), REALM, time.now)
    assert verified.token.principal.upn == PEOPLE[0].upn


async def test_a_certificate_that_was_published_before_needs_no_further_question(federation, adfs, time):
    adfs.published = [signing_key(), other_key()]
    await federation.metadata()
    adfs.signing = other_key()
    await federation.verify(adfs.answer(time.now), REALM, time.now)
    assert adfs.asked == 1


async def test_an_unknown_certificate_has_the_metadata_fetched_once_in_ten_seconds(federation, adfs, time):
    await federation.metadata()
    adfs.signing, adfs.published = other_key(), [other_key()]
    await federation.verify(adfs.answer(time.now), REALM, time.now)
    assert adfs.asked == 2
    adfs.signing, adfs.published = signing_key(), [other_key()]
    for _ in range(20):
        time.now += 0.49
        with pytest.raises(ProviderUnavailable, match="a moment ago"):
            await federation.verify(adfs.answer(time.now), REALM, time.now)
    assert adfs.asked == 2
    time.now += 0.21
    with pytest.raises(UnknownKey):
        await federation.verify(adfs.answer(time.now), REALM, time.now)
    assert adfs.asked == 3
    time.now += 10
    adfs.published = [signing_key()]
    await federation.verify(adfs.answer(time.now), REALM, time.now)
    assert adfs.asked == 4


async def test_every_rollover_within_five_minutes_is_followed(federation, adfs, time):
    await federation.metadata()
    for turn in range(1, 6):
        adfs.signing = other_key() if turn % 2 else signing_key()
        adfs.published = [adfs.signing]
        await federation.verify(adfs.answer(time.now), REALM, time.now)
        assert adfs.asked == 1 + turn
        time.now += 10


async def test_a_known_certificate_does_not_wait_for_a_fetch(federation, adfs, time):
    await federation.metadata()
    known = adfs.answer(time.now)
    adfs.signing, adfs.published, adfs.held = other_key(), [signing_key(), other_key()], asyncio.Event()
    waiting = [asyncio.ensure_future(federation.verify(adfs.answer(time.now), REALM, time.now)) for _ in range(3)]
    await adfs.reached.wait()
    assert await federation.verify(known, REALM, time.now)
    adfs.held.set()
    assert len(await asyncio.gather(*waiting)) == 3
    assert adfs.asked == 2


@pytest.mark.parametrize(("published", "times"), [(signing_key, 1), (other_key, 2)], ids=["same keys", "new keys"])
async def test_unknown_certificate_is_verified_again_only_with_new_keys(
    federation, adfs, time, monkeypatch, *, published, times
):
    await federation.metadata()
    adfs.signing, adfs.published = other_key(), [published()]
    verified = []
    real = federation_module.verify_response
    monkeypatch.setattr(federation_module, "verify_response", lambda *given: verified.append(given) or real(*given))
    with contextlib.suppress(UnknownKey):
        await federation.verify(adfs.answer(time.now), REALM, time.now)
    assert len(verified) == times
    assert adfs.asked == 2


async def test_response_that_is_too_large_is_refused_before_it_waits_for_a_thread(federation, adfs, time, monkeypatch):
    await federation.metadata()
    monkeypatch.setattr(federation._verification, "run", lambda *_: pytest.fail("it was queued"))
    with pytest.raises(TokenRefused, match="too_large"):
        await federation.verify("x" * (LARGEST_TOKEN + 1), REALM, time.now)
