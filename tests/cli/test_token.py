"""`claims-proxy token inspect`: what an administrator is told of a token, offline."""

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


def test_without_metadata_the_signature_is_not_checked_and_it_says_what_would_do(inspect, tmp_path):
    own = {"protocol": "ws-federation", "metadata": "https://adfs.contoso.com/m.xml", "realm": REALM}
    text = as_text(response(signed(assertion(SAML11))))
    result = inspect(text, "--at", AT, provider=own)
    assert "not checked  signature: needs the provider's metadata" in result.output
    result = inspect(text, "--at", AT, "--metadata", str(tmp_path / "metadata.xml"), provider=own)
    assert "pass  signature" in result.output
    assert result.exit_code == 0


def test_what_cannot_be_decrypted_says_so(inspect):
    own = {"protocol": "ws-federation", "metadata": "https://adfs.contoso.com/m.xml", "realm": REALM}
    result = inspect(as_text(response(sealed(signed(assertion(SAML11))))), "--at", AT, provider=own)
    assert result.exit_code == 1
    assert "FAIL  decryption" in result.output


def test_a_jwt_is_looked_at_by_its_own_rules(inspect, tmp_path):
    openid = {"issuer": tokens.ISSUER, "client_id": tokens.CLIENT}
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps({"keys": [tokens.jwk(tokens.rsa_key())]}))
    result = inspect(tokens.id_token(), "--at", str(tokens.NOW), "--jwks", str(keys), provider=openid)
    assert result.exit_code == 0, result.output
    assert "pass  signature" in result.output
    assert "not checked  nonce" in result.output
    result = inspect(tokens.id_token(aud="other"), "--at", str(tokens.NOW), provider=openid)
    assert result.exit_code == 1
    assert "FAIL  audience" in result.output
    assert "not checked  signature: needs the provider's keys" in result.output


def test_nothing_of_the_token_itself_is_shown(inspect):
    token = tokens.id_token()
    result = inspect(token, "--at", str(tokens.NOW), provider={"issuer": tokens.ISSUER, "client_id": tokens.CLIENT})
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
