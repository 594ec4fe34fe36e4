"""The token endpoint of the AD FS double: codes once, refresh tokens never renewed."""

import base64
import binascii
import dataclasses
import hashlib
import hmac
from collections.abc import Mapping
from urllib.parse import unquote_plus

from aiohttp import web

from proxy.demo.adfs_keys import base64url
from proxy.demo.adfs_model import Client, Grant
from proxy.demo.adfs_state import REFRESH_LIFETIME, AdfsState, Refusal
from proxy.demo.adfs_tokens import access_token, id_token

_NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}


class TokenEndpoint:
    """`POST` with `grant_type` authorization_code or refresh_token (RFC 6749, sections 4.1.3 and 6)."""

    def __init__(self, state: AdfsState) -> None:
        self._state = state

    async def post(self, request: web.Request) -> web.Response:
        """JSON tokens, or a JSON error."""
        posted = await request.post()
        form = {name: value for name, value in posted.items() if isinstance(value, str)}
        try:
            client = self._client(request, form)
            answer = self._tokens(client, form)
        except Refusal as refusal:
            body = {"error": refusal.error, "error_description": refusal.description}
            return web.json_response(body, status=refusal.status, headers=_NO_STORE)
        return web.json_response(answer, headers=_NO_STORE)

    def _client(self, request: web.Request, form: Mapping[str, str]) -> Client:
        """Who asks: client_secret_basic or client_secret_post, not both (RFC 6749, section 2.3)."""
        header = request.headers.get("Authorization")
        if header is not None and "client_secret" in form:
            raise Refusal("invalid_request", "MSIS9615: The client authenticated in two ways; one is allowed.")
        if header is None:
            client_id, secret, status = form.get("client_id", ""), form.get("client_secret", ""), 400
        else:
            client_id, secret = _basic(header)
            status = 401
        client = self._state.clients.get(client_id)
        if client is None or not hmac.compare_digest(client.secret.encode(), secret.encode()):
            raise Refusal("invalid_client", "MSIS9607: The client could not be authenticated.", status)
        if form.get("client_id", client_id) != client_id:
            raise Refusal("invalid_request", "MSIS9616: The received 'client_id' is not the authenticated client's.")
        return client

    def _tokens(self, client: Client, form: Mapping[str, str]) -> dict[str, object]:
        match form.get("grant_type"):
            case "authorization_code":
                grant = self._redeem(client, form)
                lasting = dataclasses.replace(grant, ends_at=self._state.clock() + REFRESH_LIFETIME)
                return {
                    **self._answer(grant),
                    "refresh_token": self._state.keep(self._state.refresh_tokens, lasting),
                    "refresh_token_expires_in": int(REFRESH_LIFETIME),
                }
            case "refresh_token":
                return self._answer(self._refreshed(client, form))
            case _:
                raise Refusal(
                    "unsupported_grant_type",
                    "MSIS9611: The received 'grant_type' is not supported; 'authorization_code' or 'refresh_token' "
                    "would be.",
                )

    def _redeem(self, client: Client, form: Mapping[str, str]) -> Grant:
        """The code's grant. Whatever is wrong, the code is spent: a second try with it finds nothing."""
        grant = self._state.codes.pop(form.get("code", ""), None)
        if grant is None or grant.client_id != client.client_id or self._state.clock() >= grant.ends_at:
            raise Refusal("invalid_grant", "MSIS9612: The authorization code received in 'code' parameter is invalid. ")
        if form.get("redirect_uri") != grant.redirect_uri:
            raise Refusal(
                "invalid_grant",
                "MSIS9609: The 'redirect_uri' parameter is invalid: it is not the one the code was sent to.",
            )
        if grant.challenge is not None:
            digest = base64url(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
            if not hmac.compare_digest(digest, grant.challenge):
                raise Refusal("invalid_grant", "MSIS9681: The 'code_verifier' does not match the 'code_challenge'.")
        return grant

    def _refreshed(self, client: Client, form: Mapping[str, str]) -> Grant:
        """The refresh token's grant. It outlives a sign-out, and no other follows it."""
        grant = self._state.refresh_tokens.get(form.get("refresh_token", ""))
        if grant is None or grant.client_id != client.client_id or self._state.clock() >= grant.ends_at:
            raise Refusal("invalid_grant", "MSIS9613: The refresh token received in 'refresh_token' is invalid.")
        # OpenID Connect Core, section 12.2: an id token made by a refresh carries no nonce of its own.
        return dataclasses.replace(grant, nonce=None)

    def _answer(self, grant: Grant) -> dict[str, object]:
        state, now = self._state, self._state.clock()
        lifetime = state.token_lifetime * 60.0
        answer: dict[str, object] = {
            "access_token": access_token(state.issuer, state.keys.signing, grant, lifetime, now),
            "token_type": "bearer",
            "expires_in": int(lifetime),
            "resource": grant.resource or "urn:microsoft:userinfo",
            "scope": grant.scope,
        }
        if "openid" in grant.scope.split():
            answer["id_token"] = id_token(state.issuer, state.keys.signing, grant, lifetime, now)
        return answer


def _basic(header: str) -> tuple[str, str]:
    """Client id and secret of `Basic`, each form-encoded inside (RFC 6749, section 2.3.1). Raises Refusal."""
    scheme, _, encoded = header.partition(" ")
    try:
        client_id, colon, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        colon = ""
    if scheme.casefold() != "basic" or not colon:
        raise Refusal("invalid_client", "MSIS9606: The 'Authorization' header is not a readable Basic one.", 401)
    return unquote_plus(client_id), unquote_plus(secret)
