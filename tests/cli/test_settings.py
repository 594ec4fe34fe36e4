"""Settings by command, over a real Redis."""

import json
import time

import pytest
from click.testing import CliRunner

from proxy.cli import main
from proxy.model.session import Ended, EndReason, Live
from proxy.store.admin_port import BUCKET_SECONDS
from support.command_sessions import sign_in, with_sessions
from support.world import write_configuration

INJECT = {"inject": "documents"}
GUID = "5b1d1b0c-5d0e-4c53-9d9c-0f3d4f6a7b21"


@pytest.fixture
def run():
    return lambda *words: CliRunner().invoke(main, [str(word) for word in words])


@pytest.fixture
def written(tmp_path, redis_server):
    """Writes a configuration over an empty Redis."""

    def write(**keys):
        organization = {"id": GUID, "system_settings": {"sessiontimeoutinmins": 480}, "browser": INJECT}
        return write_configuration(
            tmp_path,
            port=1,
            issuer="http://127.0.0.1:1/adfs",
            upstream="http://127.0.0.1:2",
            **({"state": redis_server.url, "organization": organization, "settings": {"source": "live"}} | keys),
        )

    return write


@pytest.fixture
def config(written, redis_url):
    return written()


ALL_ON = ("sessiontimeoutenabled=true", "sessiontimeoutinmins=90", "sessiontimeoutreminderinmins=20")


def test_a_setting_is_changed_read_and_told_with_its_origin(run, config):
    changed = run("settings", "set", "--config", config, "-o", "Contoso", *ALL_ON, "--why", "an audit")
    assert changed.exit_code == 0, changed.stdout
    assert "sessiontimeoutinmins: the configuration's value -> 90" in changed.stdout
    assert "Revision 1. 0 sessions ended." in changed.stdout
    assert run("settings", "get", "--config", config, "SessionTimeoutInMins", "-o", GUID).stdout == "90\n"
    told = json.loads(run("settings", "list", "--config", config, "--json").stdout)
    rows = {(row["organization"], row["setting"]): row for row in told["settings"]}
    assert told["revision"] == 1
    assert rows["contoso", "sessiontimeoutinmins"]["origin"] == "live"
    assert rows["contoso", "inactivitytimeoutenabled"]["origin"] == "default"
    assert rows["contoso", "WSFedNonceCookieEnabled"] | {"value": None} == rows["contoso", "WSFedNonceCookieEnabled"]
    assert "AllowCustomSessionDuration is off" in " ".join(told["rules"]["contoso"])
    run("settings", "set", "--config", config, "AllowCustomSessionDuration=true")
    shown = run("settings", "list", "--config", config, "-o", "contoso").stdout
    assert "Sessions end 90 minutes after sign-in, with a warning 20 minutes before." in " ".join(shown.split())


def test_the_history_tells_who_and_why_and_can_be_gone_back_in(run, config):
    run("settings", "set", "--config", config, "-o", "contoso", *ALL_ON, "--why", "an audit")
    run("settings", "set", "--config", config, "-o", "contoso", "sessiontimeoutinmins=120")
    lines = run("settings", "history", "--config", config, "--json").stdout.splitlines()
    newest, first = map(json.loads, lines)
    assert (first["revision"], first["why"], bool(first["by"])) == (1, "an audit", True)
    item = {"organization": "contoso", "setting": "sessiontimeoutinmins", "before": 90, "after": 120}
    assert newest["items"] == [item]
    assert "an audit" in run("settings", "history", "--config", config).stdout
    back = run("settings", "rollback", "--config", config, "1")
    assert "sessiontimeoutinmins: 120 -> 90" in back.stdout
    assert run("settings", "get", "--config", config, "sessiontimeoutinmins", "-o", "contoso").stdout == "90\n"
    refused = run("settings", "rollback", "--config", config, "9")
    assert (refused.exit_code, "from 0 to 2" in refused.stderr) == (2, True)


def test_a_shorter_limit_ends_sessions_and_a_dry_run_says_how_many(run, config):
    cookie = sign_in(config, "alice@contoso.com", signed_in_ago=2 * 3600)
    fresh = sign_in(config, "bob@contoso.com")
    run("settings", "set", "--config", config, "AllowCustomSessionDuration=true")
    dry = run("settings", "set", "--config", config, "-o", "contoso", *ALL_ON, "--dry-run")
    assert "That would end 1 session." in dry.stdout
    assert isinstance(with_sessions(config, lambda sessions: sessions.load(cookie, "contoso")), Live)
    done = run("settings", "set", "--config", config, "-o", "contoso", *ALL_ON, "--json")
    assert json.loads(done.stdout)["ended"] == 1
    counted = with_sessions(config, lambda sessions: sessions.admin.events((int(time.time() // BUCKET_SECONDS),)))
    assert counted[0]["session_expired session_timeout contoso"] == 1
    found = with_sessions(config, lambda sessions: sessions.load(cookie, "contoso"))
    assert isinstance(found, Ended)
    assert found.tombstone.reason is EndReason.SESSION_TIMEOUT
    assert isinstance(with_sessions(config, lambda sessions: sessions.load(fresh, "contoso")), Live)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("-o", "contoso", "sessiontimeoutinmin=90"), "did you mean sessiontimeoutinmins?"),
        (("-o", "contosso", "sessiontimeoutinmins=90"), "did you mean contoso?"),
        (("-o", "contoso", "sessiontimeoutenabled=maybe"), "neither true nor false"),
        (("-o", "contoso", "sessiontimeoutenabled=1", "sessiontimeoutinmins=59"), "from 60 to 1440 minutes"),
        (("-o", "contoso", "sessiontimeoutinmins"), "SETTING=VALUE"),
    ],
)
def test_what_is_wrong_is_named_with_what_would_be_right(run, config, words, says):
    refused = run("settings", "set", "--config", config, *words)
    assert (refused.exit_code, says in refused.stderr) == (2, True), refused.stderr


def test_settings_of_the_file_are_read_only(run, written, redis_url):
    config = written(settings={"source": "yaml"})
    refused = run("settings", "set", "--config", config, "AllowCustomSessionDuration=true")
    assert (refused.exit_code, "settings.source: yaml" in refused.stderr) == (2, True)
    assert run("settings", "get", "--config", config, "AllowCustomSessionDuration").stdout == "false\n"


def test_settings_in_memory_cannot_be_reached(run, written):
    refused = run("settings", "list", "--config", written(state="memory:"))
    assert (refused.exit_code, "running proxy alone" in refused.stderr) == (2, True)


@pytest.mark.parametrize("command", ["SetAdvancedSettings", "setadvancedsettings", "SETADVANCEDSETTINGS"])
@pytest.mark.parametrize("fold", [str, str.lower, str.upper])
def test_set_advanced_settings_works_as_administrators_write_it(run, config, command, fold):
    options = ("-ConfigurationEntityName", "-SettingName", "-SettingValue")
    entity, name, value = map(fold, options)
    done = run(command, "--config", config, entity, "serversettings", name, "allowcustomsessionduration", value, "TRUE")
    assert done.exit_code == 0, done.stdout
    assert run("settings", "get", "--config", config, "AllowCustomSessionDuration").stdout == "true\n"


def test_set_advanced_settings_sets_an_organizations_own_by_its_guid(run, config):
    setting = ("-SettingName", "WSFedNonceCookieEnabled", "-SettingValue", "true")
    words = ("-ConfigurationEntityName", "Organization", *setting)
    refused = run("SetAdvancedSettings", "--config", config, *words)
    assert (refused.exit_code, "-Id" in refused.stderr) == (2, True)
    assert run("SetAdvancedSettings", "--config", config, *words, "-Id", GUID).exit_code == 0
    assert run("settings", "get", "--config", config, "WSFedNonceCookieEnabled", "-o", "contoso").stdout == "true\n"
    wrong = run("SetAdvancedSettings", "--config", config, "-ConfigurationEntityName", "ServerSetting", *words[2:])
    assert (wrong.exit_code, "did you mean ServerSettings?" in wrong.stderr) == (2, True)


@pytest.mark.parametrize(
    "words",
    [
        (
            "-SettingValue:$true",
            "-SettingName",
            "AllowCustomSessionDuration",
            "-ConfigurationEntityName:ServerSettings",
        ),
        ("-SettingV", "1", "-conf", "SERVERSETTINGS", "-SettingName", "allowcustomsessionduration"),
        (
            "-ConfigurationEntityName",
            "ServerSettings",
            "-SettingName:",
            "AllowCustomSessionDuration",
            "-SETTINGVALUE:True",
        ),
    ],
)
def test_parameters_are_taken_as_powershell_takes_them(run, config, words):
    done = run("SetAdvancedSettings", *words, "--config", config, "--json")
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["items"][0]["after"] is True


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("-Setting", "x"), "it may be -settingname or -settingvalue"),
        (("-SettingNam", "x", "-Identity", "y"), "-Identity: no such parameter; did you mean -"),
        (("-SettingName", "AllowCustomSessionDuration", "-SettingValue", ""), "neither true nor false"),
    ],
)
def test_a_parameter_that_is_none_is_answered_with_those_there_are(run, config, words, says):
    refused = run("SetAdvancedSettings", "--config", config, "-ConfigurationEntityName", "ServerSettings", *words)
    assert (refused.exit_code, says in refused.stderr) == (2, True), refused.stderr


@pytest.mark.parametrize("guid", [GUID.upper(), f"{{{GUID}}}", f"{{{GUID.upper()}}}"])
def test_a_guid_is_taken_as_powershell_prints_it(run, config, guid):
    words = ("-ConfigurationEntityName", "Organization", "-SettingName", "sessiontimeoutinmins", "-SettingValue", "90")
    done = run("SetAdvancedSettings", "--config", config, "-Id", guid, *words)
    assert (done.exit_code, "-> 90" in done.stdout) == (0, True), done.stderr
    (row,) = json.loads(run("Get-CrmOrganization", "--config", config, "-Name", guid, "--json").stdout)
    assert (row["Id"], row["FriendlyName"]) == (GUID, "contoso")


def test_organizations_are_listed_as_get_crm_organization_does(run, config):
    (row,) = json.loads(run("Get-CrmOrganization", "--config", config, "--json").stdout)
    assert (row["Id"], row["UniqueName"], row["State"], row["Url"]) == (
        GUID,
        "contoso",
        "Enabled",
        "http://127.0.0.1:1/",
    )
    narrow = CliRunner(env={"COLUMNS": "40"}).invoke(main, ["Get-CrmOrganization", "--config", str(config)])
    assert all(whole in narrow.stdout for whole in (GUID, "http://127.0.0.1:1/", "FriendlyName"))
    assert run("get-crmorganization", "--config", config, "-Name", "CONTOSO").exit_code == 0
    assert "contoso" in run("organizations", "list", "--config", config).stdout
    refused = run("Get-CrmOrganization", "--config", config, "-Name", "contosso")
    assert (refused.exit_code, "did you mean contoso?" in refused.stderr) == (2, True)


def test_one_session_is_shown_with_what_ends_it(run, config):
    sign_in(config, "alice@contoso.com")
    (row,) = map(
        json.loads, run("sessions", "list", "--config", config, "--user", "Alice", "--json").stdout.splitlines()
    )
    shown = json.loads(run("sessions", "show", "--config", config, row["id"], "--json").stdout)
    assert shown["user"] == "alice@contoso.com"
    assert (shown["ended_by"], shown["inactivity_ends"]) == ("token_lifetime", None)
    assert "alice@contoso.com" in run("sessions", "show", row["id"], "--config", config).stdout
    missing = run("sessions", "show", "--config", config, "nothing")
    assert (missing.exit_code, "no such session" in missing.stderr) == (1, True)


@pytest.mark.parametrize("identifier", ["-" + "a" * 42, "-h" + "a" * 41, "--json" + "a" * 37])
def test_an_id_that_begins_as_an_option_does_is_an_id(run, config, identifier):
    for words in ((identifier, "--json"), ("--json", identifier), ("--json", "--", identifier)):
        shown = run("sessions", "show", "--config", config, *words)
        assert (shown.exit_code, f"{identifier}: there is no such session" in shown.stderr) == (1, True), shown.stderr
    revoked = run("sessions", "revoke", "--config", config, "--session", identifier, "--json")
    assert (revoked.exit_code, json.loads(revoked.stdout)) == (1, {"ended": 0})


def test_an_unknown_command_is_answered_with_the_nearest(run):
    refused = run("SetAdvancedSetting")
    assert (refused.exit_code, "did you mean setadvancedsettings?" in refused.stderr) == (2, True)


def test_times_are_utc(run, config):
    before = time.time()
    run("settings", "set", "--config", config, "AllowCustomSessionDuration=true")
    entry = json.loads(run("settings", "history", "--config", config, "--json").stdout)
    assert before <= entry["at"] <= time.time()
