"""What the doctor finds: each fault beside what is well with one thing changed."""

import datetime as dt
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import pytest
import redis

from admin.conftest import live
from proxy.admin.acts import Acts
from proxy.app import sessions_of
from proxy.app.doctor import Grade, examined
from proxy.configuration import load
from proxy.model.deployment import Tls
from proxy.model.organization import ScriptPlacement
from proxy.observability.audit import Audit
from proxy.settings.change import Wish
from proxy.settings.live import Author, LiveSettings
from proxy.store.examination import examine
from support.certificates import make_certificate
from support.ports import free_port
from support.world import CLIENT_SECRET, SECRET, custom

OK, WARNING, FAULT = Grade.OK, Grade.WARNING, Grade.FAULT


@pytest.fixture
async def deployment(world, redis_url):
    """A configuration with which everything is well, but that its AD FS and CRM are on this machine."""
    one = await world(state=redis_url)
    return load(one.write_configuration(one.port), {})


@pytest.fixture
def open_folder():
    """A folder that everybody on this machine can enter, unlike pytest's own."""
    with tempfile.TemporaryDirectory() as path:
        folder = Path(path) / "etc"
        Path(path).chmod(0o755)
        folder.mkdir()
        yield folder


async def graded(deployment, clock=time.time):
    """The worst grade of each check, and all that was said."""
    found = await examined(deployment, clock)
    order = [OK, WARNING, FAULT]
    grades = {}
    for finding in found:
        assert bool(finding.right) is (finding.grade is not OK), finding
        grades[finding.check] = max(grades.get(finding.check, OK), finding.grade, key=order.index)
    told = "\n".join(f"{finding.check}: {finding.said}; {finding.right}" for finding in found)
    assert SECRET not in told
    assert CLIENT_SECRET not in told
    return grades, told


async def test_where_all_is_well_everything_is_told_as_well(deployment):
    (contoso,) = deployment.organizations
    shown = replace(deployment, organizations=(replace(contoso, inject=ScriptPlacement.DOCUMENTS),))
    grades, told = await graded(shown)
    assert grades == {
        "secret": OK,
        "redirect URIs default": OK,
        "rules contoso": OK,
        "store": OK,
        "provider default": OK,
        "upstream contoso": OK,
    }
    assert "reading, writing, scripts and messages work" in told
    assert "signing keys: 1" in told


async def test_timeouts_without_effect_are_warned_of(world, redis_url):
    one = await world(state=redis_url, **custom(session=90))
    deployment = load(one.write_configuration(one.port), {})
    off = replace(deployment, server_settings=replace(deployment.server_settings, allow_custom_session_duration=False))
    for each, warned in ((off, True), (deployment, False)):
        _, told = await graded(each)
        assert ("sessiontimeoutenabled: takes no effect, because AllowCustomSessionDuration is off" in told) is warned
        assert ("rules contoso: Sessions end 90 minutes after sign-in." in told) is not warned
    assert "browser.inject: is none, so no user sees a warning before a session ends" in told


async def test_rules_are_those_that_administrators_set(world, redis_url, clock):
    one = await world(state=redis_url, settings={"source": "live"}, **custom(session=90))
    deployment = load(one.write_configuration(one.port), {})
    sessions = sessions_of(deployment, time.time)
    try:
        settings = LiveSettings(sessions.admin, time.time)
        await settings.read()
        acts = Acts(deployment, sessions, settings, Audit(), time.time)
        await acts.change([Wish(None, "AllowCustomSessionDuration", False)], Author("alice"))
    finally:
        await sessions.close()
    _, told = await graded(deployment)
    assert "takes no effect, because AllowCustomSessionDuration is off" in told
    assert "or run claims-proxy settings set AllowCustomSessionDuration=true" in told
    _, told = await graded(replace(deployment, settings_live=False))
    assert "takes no effect" not in told


async def test_federation_metadata_and_decryption_keys_are_looked_at(world, tmp_path):
    one = await world(federated=True, encrypted=True)
    deployment = load(one.write_configuration(one.port), {})
    grades, told = await graded(deployment)
    assert grades["provider default"] is OK
    assert "our decryption keys: 1" in told
    (tmp_path / "decryption.pem").write_text("nothing")
    grades, told = await graded(deployment)
    assert grades["provider default"] is FAULT
    assert "decryption_keys" in told


async def test_bearer_issuer_is_looked_at(world):
    one = await world(federated=True, within=False)
    for issuer, grade in ((one.adfs.state.issuer.url, OK), (f"http://127.0.0.1:{free_port()}/adfs", FAULT)):
        one.keys["organization"] = {"bearer": {"issuer": issuer, "audiences": "https://crm.contoso.com/"}}
        grades, told = await graded(load(one.write_configuration(one.port), {}))
        assert (grades["provider default"], grades["provider contoso, bearer.issuer"]) == (OK, grade), told


async def test_sessions_in_memory_are_no_fault_and_are_told(deployment):
    grades, told = await graded(replace(deployment, state="memory:"))
    assert grades["store"] is WARNING
    assert "commands cannot reach sessions" in told


async def test_whoever_does_not_answer_is_named_by_address_alone(deployment):
    port = free_port()
    provider, contoso = deployment.identity_providers[0], deployment.organizations[0]
    away = replace(
        deployment,
        state=f"redis://somebody:a-password@127.0.0.1:{port}/0",
        identity_providers=(replace(provider, issuer=f"http://127.0.0.1:{port}/adfs"),),
        organizations=(replace(contoso, upstream=f"http://127.0.0.1:{port}"),),
    )
    grades, told = await graded(away)
    assert [grades[check] for check in ("store", "provider default", "upstream contoso")] == [FAULT] * 3
    assert f"redis://127.0.0.1:{port}" in told
    assert "somebody" not in told
    assert "a-password" not in told


async def test_clocks_that_are_apart_are_told(deployment):
    grades, told = await graded(deployment, lambda: time.time() + 300)
    assert grades["provider default clock"] is FAULT
    assert "300 s behind ours" in told or "301 s behind ours" in told or "299 s behind ours" in told


async def test_another_issuer_than_the_configured_is_told(deployment):
    provider = deployment.identity_providers[0]
    other = replace(provider, issuer=provider.issuer.replace("127.0.0.1", "localhost"))
    grades, told = await graded(replace(deployment, identity_providers=(other,)))
    assert grades["provider default"] is FAULT
    assert "discovery states the issuer" in told


@pytest.mark.parametrize(
    ("at", "grade", "said"),
    [
        (dt.datetime(2026, 1, 1, tzinfo=dt.UTC), OK, "valid until"),
        (dt.datetime(2119, 12, 1, tzinfo=dt.UTC), WARNING, "renew it now"),
        (dt.datetime(2120, 1, 1, tzinfo=dt.UTC), FAULT, "it ended on"),
        (dt.datetime(2019, 1, 1, tzinfo=dt.UTC), FAULT, "it begins on 2020-01-01"),
    ],
)
async def test_a_certificate_is_judged_by_its_time(deployment, tmp_path, at, grade, said):
    listen = replace(deployment.listen, tls=Tls(**make_certificate(tmp_path)))
    grades, told = await graded(replace(deployment, listen=listen), at.timestamp)
    assert grades["certificate"] is grade
    assert said in told


async def test_a_certificate_is_judged_by_its_names(deployment, tmp_path):
    contoso = replace(deployment.organizations[0], hosts=("crm.contoso.com",))
    for names, grade in (
        (("crm.contoso.com",), OK),
        (("*.contoso.com",), OK),
        (("*.com",), FAULT),
        (("crm.contoso.com.evil.example",), FAULT),
    ):
        listen = replace(deployment.listen, tls=Tls(**make_certificate(tmp_path, *names)))
        grades, _ = await graded(replace(deployment, listen=listen, organizations=(contoso,)))
        assert grades["certificate"] is grade, names


async def test_a_certificate_of_another_key_is_told(deployment, tmp_path):
    files = make_certificate(tmp_path)
    (tmp_path / "other").mkdir()
    wrong = Tls(files["certificate"], make_certificate(tmp_path / "other")["key"])
    grades, told = await graded(replace(deployment, listen=replace(deployment.listen, tls=wrong)))
    assert grades["certificate"] is FAULT
    assert "is not the key of" in told


async def test_plain_http_to_everybody_is_told(deployment):
    anywhere = replace(deployment.listen, host="0.0.0.0")
    grades, _ = await graded(replace(deployment, listen=anywhere))
    assert grades["listener"] is WARNING


async def test_files_that_others_can_read_are_told(deployment, open_folder):
    secret = open_folder / "secret"
    secret.write_text("x")
    known = replace(deployment, files=("proxy.yaml", str(secret)))
    for mode, folder, told_of in ((0o644, 0o755, True), (0o640, 0o755, False), (0o644, 0o750, False)):
        secret.chmod(mode)
        secret.parent.chmod(folder)
        grades, told = await graded(known)
        assert ("files" in grades) is told_of
        assert (f"chmod 600 {secret}" in told) is told_of


async def test_a_secret_of_few_characters_is_told_and_not_shown(deployment):
    grades, told = await graded(replace(deployment, secrets=("ab" * 20,)))
    assert grades["secret"] is WARNING
    assert "abab" not in told


async def test_a_ca_file_that_is_none_keeps_from_asking_anybody(deployment, tmp_path):
    grades, _ = await graded(replace(deployment, ca_file=str(tmp_path / "none")))
    assert grades == {"secret": OK, "redirect URIs default": OK, "ca_file": FAULT}


async def test_an_audit_file_that_cannot_be_written_is_told(deployment, tmp_path):
    for path, grade in ((tmp_path / "audit.jsonl", OK), (tmp_path / "none" / "audit.jsonl", FAULT)):
        observability = replace(deployment.observability, audit_file=str(path))
        assert (await graded(replace(deployment, observability=observability)))[0]["audit file"] is grade


async def test_a_user_without_a_permission_is_told_which(deployment, own_redis):
    with redis.Redis(port=own_redis.port) as admin:
        admin.execute_command("ACL SETUSER proxy on >secret-of-redis ~claims:* &* +@all -info")
        state = f"redis://proxy:secret-of-redis@127.0.0.1:{own_redis.port}/0"
        grades, told = await graded(replace(deployment, state=state))
        assert grades["store"] is OK
        assert "its version is not told" in told
        for permission, said in (("-eval", "eval"), ("+eval -hset", "hset"), ("+hset resetchannels", "channel")):
            admin.execute_command(f"ACL SETUSER proxy {permission}")
            grades, told = await graded(replace(deployment, state=state))
            assert grades["store"] is FAULT
            assert said in told
            assert "secret-of-redis" not in told


async def test_a_store_that_throws_sessions_away_is_told(deployment, own_redis):
    with redis.Redis(port=own_redis.port) as admin:
        admin.config_set("maxmemory-policy", "allkeys-lru")
        grades, told = await graded(replace(deployment, state=own_redis.url))
    assert grades["store"] is WARNING
    assert "allkeys-lru" in told


async def test_nothing_is_left_in_the_store(redis_url):
    found = await examine(redis_url, None)
    assert found.version
    with redis.Redis.from_url(redis_url) as client:
        assert client.keys("*") == []


async def test_administration_is_told_with_its_redirect_uri_or_warned_of(world):
    one = await world(**live())
    grades, told = await graded(load(one.write_configuration(one.port), {}))
    assert grades["administration"] is OK
    assert f"redirect URI: {one.admin_url('/.claims/callback')}" in told
    shared = await world(**live(administration=None))
    grades, told = await graded(load(shared.write_configuration(shared.port), {}))
    assert grades["administration"] is WARNING
    assert "admin pages share the origin" in told
