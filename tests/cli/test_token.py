"""`claims-proxy token inspect`: the report that an administrator reads. Documents of the provider are files here."""

import json
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner

from proxy.cli import main
from proxy.demo.adfs_saml import federation_metadata
from support import tokens
from support.certificates import write_decryption_key
from support.saml_tokens import ISSUER, NOW, REALM, as_text, assertion, response, sealed, signed, signing_key
from support.world import write_configuration

from proxy.tokens.wstrust import SAML11, SAML20  # isort: skip

AT = datetime.fromtimestamp(NOW + 60, UTC).isoformat()


@pytest.fixture
def inspect(tmp_path):
    """`inspect(text, *options, provider={…})`: the command's result on a file with this text."""

    def run(text: str, *options: str, provider=None):
        metadata = tmp_path / "metadata.xml"
        metadata.write_bytes(
            federation_metadata(
                entity_id=ISSUER,
                endpoint="https://adfs.contoso.com/adfs/ls/",
                signing=signing_key(),
                published=[signing_key()],
            )
        )
        own = {"protocol": "ws-federation", "metadata": str(metadata), "realm": REALM}
        own["decryption_keys"] = [write_decryption_key(tmp_path).path]
        config = write_configuration(
            tmp_path, port=1, issuer=tokens.ISSUER, upstream="http://127.0.0.1:2", provider=provider or own
        )
        file = tmp_path / "token"
        file.write_text(text)
        words = ["token", "inspect", str(file), "--config", str(config), *options]
        return CliRunner().invoke(main, words)

    return run


@pytest.mark.parametrize("namespace", [SAML11, SAML20])
@pytest.mark.parametrize("hidden", [False, True])
def test_a_good_response_would_be_accepted_and_says_what_it_says(inspect, namespace, hidden):
    whole = signed(assertion(namespace))
    result = inspect(as_text(response(sealed(whole) if hidden else whole)), "--at", AT)
    assert result.exit_code == 0, result.output
    for said in (ISSUER, REALM, "alice@contoso.com", "2026-09-21", "pass  signature", "would be accepted"):
        assert said in result.output, said


def test_every_check_that_fails_is_told_not_only_the_first(inspect):
    result = inspect(as_text(response(signed(assertion(SAML11)))), "--at", str(NOW + 90_000), "--json")
    assert result.exit_code == 1
    said = json.loads(result.output)
    failed = {verdict["check"] for verdict in said["verdicts"] if verdict["ok"] is False}
    assert failed == {"ends"}
    text = as_text(response(signed(assertion(SAML11)))).replace("alice", "admin").replace(REALM, "https://x/")
    said = json.loads(inspect(text, "--at", str(NOW + 90_000), "--json").output)
    failed = {verdict["check"] for verdict in said["verdicts"] if verdict["ok"] is False}
    assert failed == {"signature", "audience", "ends"}


def test_without_metadata_nothing_is_decided_and_it_says_what_would_do(inspect, tmp_path):
    own = {"protocol": "ws-federation", "metadata": str(tmp_path / "missing.xml"), "realm": REALM}
    text = as_text(response(signed(assertion(SAML11))))
    result = inspect(text, "--at", AT, provider=own)
    assert (result.exit_code, result.output.splitlines()[-1]) == (2, "cannot be decided")
    assert "give --metadata FILE" in result.output
    assert "alice@contoso.com" in result.output
    result = inspect(text, "--at", AT, "--metadata", str(tmp_path / "metadata.xml"), provider=own)
    assert "pass  signature" in result.output
    assert result.exit_code == 0


def test_what_cannot_be_decrypted_says_so(inspect):
    own = {"protocol": "ws-federation", "metadata": "https://adfs.contoso.com/m.xml", "realm": REALM}
    result = inspect(as_text(response(sealed(signed(assertion(SAML11))))), "--at", AT, provider=own)
    assert result.exit_code == 1
    assert "FAIL  decryption" in result.output


OPENID = {"issuer": tokens.ISSUER, "client_id": tokens.CLIENT}


@pytest.fixture
def documents(tmp_path) -> tuple[str, ...]:
    """Options that name the provider's discovery document and keys."""
    where = {name: f"{tokens.ISSUER}/{name}" for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")}
    files = {"discovery": {"issuer": tokens.ISSUER, **where}, "jwks": {"keys": [tokens.jwk(tokens.rsa_key())]}}
    for name, document in files.items():
        (tmp_path / name).write_text(json.dumps(document))
    return tuple(word for name in files for word in (f"--{name}", str(tmp_path / name)))


def test_a_jwt_is_looked_at_by_its_own_rules(inspect, documents):
    result = inspect(tokens.id_token(), "--at", str(tokens.NOW), *documents, provider=OPENID)
    assert result.exit_code == 0, result.output
    assert result.output.startswith("id token\n")
    assert "pass  signature" in result.output
    assert "not checked  nonce" in result.output
    result = inspect(tokens.id_token(aud="other"), "--at", str(tokens.NOW), *documents, provider=OPENID)
    assert result.exit_code == 1
    assert "FAIL  audience" in result.output


@pytest.mark.parametrize(
    ("token", "kind"),
    [
        (tokens.id_token(), "id token"),
        (tokens.id_token(nonce=...), "bearer token"),
        (tokens.access_token(), "bearer token"),
        (tokens.access_token(events={}), "logout token"),
    ],
)
def test_jwt_is_checked_as_what_it_looks_like_or_as_it_is_told(inspect, documents, token, kind):
    shown = inspect(token, "--at", str(tokens.NOW), *documents, provider=OPENID).output
    assert shown.startswith(f"{kind}\n")
    shown = inspect(token, "--as", "id-token", "--at", str(tokens.NOW), *documents, provider=OPENID).output
    assert shown.startswith("id token\n")


def test_without_the_providers_documents_a_jwt_is_not_decided(inspect, documents):
    closed = {"issuer": "http://127.0.0.1:9/adfs", "client_id": tokens.CLIENT}
    result = inspect(tokens.id_token(), "--at", str(tokens.NOW), provider=closed)
    assert (result.exit_code, result.output.splitlines()[-1]) == (2, "cannot be decided")
    assert "give --discovery FILE and --jwks FILE" in result.output
    assert "alice@contoso.com" in result.output


def test_bearer_token_at_ws_federation_needs_an_issuer(inspect):
    result = inspect(tokens.access_token(), "--at", str(tokens.NOW))
    assert (result.exit_code, "FAIL  no_bearer_here: sign-in is WS-Federation" in result.output) == (1, True)
    result = inspect(tokens.id_token(), "--at", str(tokens.NOW), "--as", "id-token")
    assert (result.exit_code, "signs in by WS-Federation, which has no such token" in result.stderr) == (2, True)


FORGED = "alice\n\n  pass  signature\n\nwould be accepted\r\x1b[2K\x85\x9b\u2028\u202e\x7f"


@pytest.mark.parametrize("where", [{"upn": FORGED}, {FORGED: "x"}, {"aud": FORGED}, {"list": [FORGED]}])
def test_claims_forge_no_line_of_the_report(inspect, documents, where):
    result = inspect(tokens.id_token(**where), "--at", str(tokens.NOW), *documents, provider=OPENID)
    shown = inspect(tokens.id_token(aud="x"), "--at", str(tokens.NOW), *documents, provider=OPENID).output
    assert not set(result.output) & set("\r\x1b\x85\x9b\u2028\u202e\x7f")
    assert "\n  pass  signature\n\nwould be accepted" not in result.output
    assert sum(line in ("would be accepted", "is refused") for line in result.output.splitlines()) == 1
    assert shown.splitlines()[-1] == "is refused"
    told = inspect(tokens.id_token(**where), "--at", str(tokens.NOW), *documents, "--json", provider=OPENID).output
    assert not set(told) & set("\r\x1b\x85\x9b\u2028\u202e\x7f")
    assert json.loads(told)["accepted"] is ("aud" not in where)


def test_attributes_of_saml_forge_no_line_of_the_report(inspect):
    forged = "alice\n\nwould be accepted\u2028\u202e"
    result = inspect(as_text(response(signed(assertion(SAML20, upn=forged)))), "--at", AT)
    assert result.exit_code == 0, result.output
    assert r"alice\x0a\x0awould be accepted\u2028\u202e" in result.output
    assert result.output.splitlines().count("would be accepted") == 1


def test_nothing_of_the_token_itself_is_shown(inspect, documents):
    token = tokens.id_token()
    result = inspect(token, "--at", str(tokens.NOW), *documents, provider=OPENID)
    assert not any(part in result.output for part in token.split("."))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--at", "yesterday"), "--at: yesterday is no instant; write one such as"),
        (("--at", "2026-11-24T03:00:00"), "is no instant"),
        (("--organization", "nobody"), "--organization: nobody is none; there are contoso"),
        (("--metadata", "/nowhere.xml"), "nowhere.xml"),
    ],
)
def test_what_cannot_be_looked_at_is_exit_2(inspect, options, says):
    result = inspect(as_text(response(signed(assertion(SAML11)))), *options)
    assert (result.exit_code, says in result.stderr) == (2, True), result.output


@pytest.mark.parametrize("text", ["", "rubbish", "<a/>", "a.b.c"])
def test_what_is_no_token_fails_at_being_read(inspect, text):
    assert inspect(text, "--at", AT).exit_code == 1
