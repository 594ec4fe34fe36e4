import random
from dataclasses import replace

import pytest

from proxy.errors import SealBroken
from proxy.model.binding import Binding, DeviceKey
from proxy.model.principal import Claim, Principal
from proxy.model.session import ClientKind, Session, SessionReference
from proxy.sealing import Sealer
from proxy.sessions import record as records
from proxy.store.port import Place, Record

SEALER = Sealer(["a-secret-of-at-least-thirty-two-bytes-1"])
NOW = 1_790_000_000.123
_WS, _MS = (
    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/",
    "http://schemas.microsoft.com/ws/2008/06/identity/claims/",
)
CRM_CLAIMS = (
    Claim(_WS + "upn", "alice.andersen@corp.contoso.example"),
    Claim(_WS + "name", "CORP\\alice.andersen"),
    Claim(_WS + "emailaddress", "alice.andersen@contoso.example"),
    Claim(_WS + "givenname", "Alice"),
    Claim(_WS + "surname", "Andersen"),
    Claim(_MS + "primarysid", "S-1-5-21-3623811015-3361044348-30300820-1013"),
    Claim(_MS + "windowsaccountname", "CORP\\alice.andersen"),
    Claim(_MS + "groupsid", "S-1-5-21-3623811015-3361044348-30300820-513"),
    Claim(_MS + "authenticationinstant", "2026-09-21T13:33:20.123Z"),
    Claim(_MS + "authenticationmethod", "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"),
)


def opaque(seed: int) -> str:
    return "".join(
        random.Random(seed).choices("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", k=22)
    )


KEY = records.key_of(".".join(map(opaque, (1, 2, 3))))
SESSION = Session(
    SessionReference(KEY.place.tag, KEY.place.id_hash),
    "contoso",
    Principal(
        "adfs S-1-5-21-3623811015-3361044348-30300820-1013",
        "Alice Andersen",
        upn="alice.andersen@corp.contoso.example",
        email="alice.andersen@contoso.example",
        groups=("S-1-5-21-3623811015-3361044348-30300820-513",),
        roles=("Sales",),
        claims=CRM_CLAIMS,
        provider="adfs",
        subject="Zf0nqxZXyDxBOz8FV8h4sVdVnmcMA0v6k0c3D4jB7q8=",
    ),
    NOW,
    NOW + 3600,
    NOW,
    ClientKind.BROWSER,
    NOW - 2,
    "1b4e28ba-2fa1-11d2-883f-0016d3cca427",
    "Zf0nqxZXyDxBOz8FV8h4sVdVnmcMA0v6k0c3D4jB7q8=",
)

BINDING = Binding("q83vEjRWeJq83vEjRWeJqg", "Chromium,Microsoft Edge;Windows;edge;windows", "203.0.113.0/24", NOW)
BOUND = replace(SESSION, binding=BINDING)
DEVICE = DeviceKey('{"crv":"P-256","kty":"EC","x":"Z7aa","y":"vRFc"}', NOW + 2)


def record(**changes) -> Record:
    sealed = records.seal(SESSION, KEY, SEALER, {records.ID_TOKEN: "eyJ.eyJ.sig", records.REFRESH_TOKEN: None})
    return replace(Record("contoso", NOW, NOW + 3600, NOW, exempt=False, sealed=sealed), **changes)


def test_a_session_opens_as_it_was_sealed():
    assert records.unseal(record(), KEY, SEALER) == SESSION
    assert records.unseal_token(record(), records.ID_TOKEN, KEY, SEALER) == "eyJ.eyJ.sig"
    assert records.unseal_token(record(), records.REFRESH_TOKEN, KEY, SEALER) is None


def test_a_binding_is_part_of_it_and_a_record_of_before_has_none():
    bound = replace(record(), sealed=records.seal(BOUND, KEY, SEALER, {}))
    assert records.unseal(bound, KEY, SEALER) == BOUND
    assert records.unseal(record(), KEY, SEALER).binding is None


def test_a_device_s_key_opens_without_the_cookie_and_for_its_own_session_alone():
    sealed = records.seal_device(DEVICE, KEY.place, SEALER)
    bound = replace(record(), sealed={**record().sealed, records.DEVICE: sealed})
    assert records.unseal_device(bound, KEY.place, SEALER) == DEVICE
    assert records.unseal(bound, KEY, SEALER) == replace(SESSION, device=DEVICE)
    assert records.unseal_device(record(), KEY.place, SEALER) is None
    with pytest.raises(SealBroken):
        records.unseal_device(bound, Place(KEY.place.tag, "other"), SEALER)
    with pytest.raises(SealBroken):
        records.unseal(replace(bound, sealed={**bound.sealed, records.DEVICE: b"forged"}), KEY, SEALER)


def test_ten_claims_of_crm_s_kind_take_at_most_1024_bytes():
    sealed = records.seal(BOUND, KEY, SEALER, {})
    plain = {"p": f"{NOW!r} {NOW!r} 0 contoso", "seen": repr(NOW)}
    size = sum(len(name) + len(value) for name, value in (sealed | plain).items())
    print(f"record: {size} bytes")
    assert size <= 1024


@pytest.mark.parametrize("change", [{"organization": "fabrikam"}, {"signed_in_at": NOW + 1}, {"token_end": NOW + 9999}])
def test_a_plain_field_that_a_writer_of_the_store_altered_is_detected(change):
    with pytest.raises(SealBroken):
        records.unseal(record(**change), KEY, SEALER)
    with pytest.raises(SealBroken):
        records.summarize(record(**change), KEY.place, SEALER)


@pytest.mark.parametrize("name", ["a", "s"])
def test_no_sealed_field_may_be_altered_dropped_or_brought_from_another_session(name):
    good = record()
    other = replace(KEY, place=Place(KEY.place.tag, "other"))
    foreign = records.seal(SESSION, other, SEALER, {})[name]
    altered = good.sealed[name][:-1] + bytes([good.sealed[name][-1] ^ 1])
    for value in (foreign, altered, b""):
        with pytest.raises(SealBroken):
            records.unseal(replace(good, sealed={**good.sealed, name: value}), KEY, SEALER)


def test_claims_are_bound_to_what_is_listed_beside_them():
    longer = records.seal(replace(SESSION, token_end=NOW + 9999), KEY, SEALER, {})
    good = record(token_end=NOW + 9999)
    assert records.unseal(replace(good, sealed=longer), KEY, SEALER).token_end == NOW + 9999
    with pytest.raises(SealBroken):
        records.unseal(replace(good, sealed={**good.sealed, "a": longer["a"]}), KEY, SEALER)


def test_claims_and_tokens_open_with_the_cookie_s_secret_alone():
    without = replace(KEY, secret=opaque(4).encode())
    with pytest.raises(SealBroken):
        records.unseal(record(), without, SEALER)
    with pytest.raises(SealBroken):
        records.unseal_token(record(), records.ID_TOKEN, without, SEALER)


def test_an_administrator_sees_who_but_no_claims():
    summary = records.summarize(record(), KEY.place, SEALER)
    assert (summary.name, summary.upn, summary.organization) == (
        "Alice Andersen",
        "alice.andersen@corp.contoso.example",
        "contoso",
    )
    assert b"Andersen" not in b"".join(record().sealed.values())


@pytest.mark.parametrize(
    ("upn", "subject", "user"),
    [("alice@contoso.com", "oaCQ", "alice@contoso.com"), (None, "oaCQ", "oaCQ"), (None, None, "S-1-5-21-1")],
)
def test_summary_names_the_user_and_the_provider(upn, subject, user):
    who = replace(SESSION.principal, key="adfs|sid|S-1-5-21-1", upn=upn, subject=subject, name="Administrator")
    sealed = records.seal(replace(SESSION, principal=who), KEY, SEALER, {})
    summary = records.summarize(replace(record(), sealed=sealed), KEY.place, SEALER)
    assert (summary.user, summary.provider, summary.display_name) == (user, "adfs", "Administrator")
    assert summary.user == who.user


def earlier(key: str, upn: str | None) -> Record:
    """A record as versions sealed it that named neither provider nor user among what is listed."""
    context = KEY.place.id_hash.encode()
    listed = records._pack(["Alice", upn, "contoso", "browser", NOW, NOW + 3600, None])
    private = records._pack({"k": key, "b": "oaCQ"})
    sealed = {
        "a": SEALER.seal(listed, purpose="session listed", context=context),
        "s": SEALER.seal(private, purpose="session private", context=context + listed, key=KEY.secret),
    }
    return record(sealed=sealed)


@pytest.mark.parametrize(
    ("key", "provider"),
    [
        ("adfs|sid|S-1-5-21-1", "adfs"),
        ("adfs|upn|alice@contoso.com", "adfs"),
        ("adfs|sub|a|sub|b", "adfs"),
        ("ad|fs|sub|oaCQ", "ad|fs"),
        ("adfs", ""),
        ("adfs S-1-5-21-1", ""),
    ],
)
def test_provider_of_an_earlier_record_is_in_its_key(key, provider):
    principal = records.unseal(earlier(key, None), KEY, SEALER).principal
    assert (principal.key, principal.provider, principal.subject) == (key, provider, "oaCQ")


@pytest.mark.parametrize(("upn", "user"), [("alice@contoso.com", "alice@contoso.com"), (None, KEY.place.tag)])
def test_display_name_of_an_earlier_record_is_never_its_user(upn, user):
    summary = records.summarize(earlier("adfs|sub|oaCQ", upn), KEY.place, SEALER)
    assert (summary.user, summary.provider, summary.name) == (user, "", "Alice")


def test_session_is_of_a_upn_or_of_a_subject_at_its_provider():
    by_upn = records.summarize(record(), KEY.place, SEALER)
    assert by_upn.is_of("ALICE.Andersen@corp.contoso.example")
    assert by_upn.is_of(by_upn.upn, "adfs")
    assert not by_upn.is_of(by_upn.upn, "partners")
    assert not by_upn.is_of("Alice Andersen")
    assert not by_upn.is_of("a\u013aice.andersen@corp.contoso.example")
    by_subject = replace(by_upn, upn=None, user="oaCQ")
    assert by_subject.is_of("oaCQ", "adfs")
    assert not by_subject.is_of("oacq", "adfs")
    assert not by_subject.is_of("Alice Andersen")
    assert not by_subject.is_of("")


def test_the_store_learns_no_part_of_the_cookie_that_opens_anything():
    assert opaque(2) not in KEY.place.id_hash
    assert KEY.place.tag == opaque(1)


async def test_redis_itself_needs_at_most_1024_bytes_for_such_a_session(workers):
    desk, _ = workers
    created = await desk.sign_in(
        principal=SESSION.principal, provider_session="sid", subject=SESSION.subject, binding=BINDING
    )
    place = created.session.reference
    used = await desk.store._link.run("MEMORY", "USAGE", f"claims:{{{place.tag}}}:session:{place.id_hash}")
    print(f"record in Redis: {used} bytes")
    assert used <= 1024
