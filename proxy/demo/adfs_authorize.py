"""The authorization endpoint of the AD FS double: silent single sign-on, the sign-in page, and the way back."""

import re
from dataclasses import dataclass
from urllib.parse import urlencode

from aiohttp import web

from proxy.demo.adfs_login import LoginPage, loop_of, loop_page, remember_loop
from proxy.demo.adfs_model import Client, Grant, Login
from proxy.demo.adfs_state import CODE_LIFETIME, AdfsState, Refusal, error_page, page
from proxy.model.time import Instant

_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}\Z")
_NUMBER = re.compile(r"[0-9]{1,9}\Z")


@dataclass(frozen=True, slots=True)
class Asked:
    """A sound authorization request. `max_age`: seconds, or None."""

    client: Client
    redirect_uri: str
    form_post: bool
    state: str | None
    scope: str
    resource: str | None
    nonce: str | None
    challenge: str | None
    prompt: str | None
    max_age: int | None


class Authorize:
    """`GET` answers or asks for a password; `POST` is the sign-in page coming back, on the same query."""

    def __init__(self, state: AdfsState) -> None:
        self._state = state
        self._page = LoginPage(state)

    async def get(self, request: web.Request) -> web.Response:
        """An authorization request (RFC 6749, section 4.1.1; OpenID Connect Core, section 3.1.2)."""
        try:
            client, redirect_uri = self._recipient(request)
        except Refusal as refusal:
            return error_page(refusal)
        form_post, state = request.query.get("response_mode") == "form_post", request.query.get("state")
        try:
            asked = _read(request, client, redirect_uri)
        except Refusal as refusal:
            return _back(redirect_uri, form_post, _error(refusal, state))
        login = self._state.login(request)
        if login is not None and not self._must_ask(asked, login):
            return self._issue(asked, login, *loop_of(request, self._state.clock()))
        # AD FS answers prompt=login with its form, whatever else a browser could show.
        windows = self._page.by_windows(request) if asked.prompt != "login" else None
        if windows is not None:
            response = self._issue(asked, windows[0], *loop_of(request, self._state.clock()))
            response.headers.add("Set-Cookie", windows[1])
            return response
        if asked.prompt == "none":
            silent = Refusal("login_required", "MSIS9462: The person would have to be asked, and 'prompt' forbids it.")
            return _back(redirect_uri, form_post, _error(silent, state))
        return self._page.ask(request, login.person.account if login else "", "")

    async def post(self, request: web.Request) -> web.Response:
        """The sign-in page: `UserName`, `Password`, `Kmsi`. Any password will do but none at all."""
        try:
            client, redirect_uri = self._recipient(request)
            asked = _read(request, client, redirect_uri)
        except Refusal as refusal:
            return error_page(refusal)
        typed = await self._page.typed(request)
        if isinstance(typed, web.Response):
            return typed
        login, cookie = typed
        # A person who types is not a loop: the count starts anew.
        response = self._issue(asked, login, self._state.clock(), 1)
        response.headers.add("Set-Cookie", cookie)
        return response

    def _recipient(self, request: web.Request) -> tuple[Client, str]:
        """Whom the answer is for. Until both are known to belong together, nobody is sent anywhere."""
        client = self._state.clients.get(request.query.get("client_id", ""))
        if client is None:
            raise Refusal(
                "invalid_client",
                "MSIS9223: Received invalid OAuth authorization request. The received 'client_id' is invalid as no "
                "registered client was found with this client identifier. Make sure that the client is registered.",
            )
        redirect_uri = request.query.get("redirect_uri", "")
        if redirect_uri not in client.redirect_uris:
            raise Refusal(
                "invalid_request",
                "MSIS9224: Received invalid OAuth authorization request. The received 'redirect_uri' parameter is not "
                f"a valid registered redirect URI for the client identifier: '{client.client_id}'.",
            )
        return client, redirect_uri

    def _must_ask(self, asked: Asked, login: Login) -> bool:
        """`prompt=login` asks; `max_age` is undocumented at AD FS and, unless told otherwise, heard by nobody."""
        too_old = asked.max_age is not None and self._state.clock() - login.authenticated_at >= asked.max_age
        return asked.prompt == "login" or (self._state.honours_max_age and too_old)

    def _issue(self, asked: Asked, login: Login, first: Instant, count: int) -> web.Response:
        """A code on its way back, unless this browser has been here too often: `count` times since `first`."""
        now = self._state.clock()
        looping = loop_page(first, count, now)
        if looping is not None:
            return looping
        login.clients.add(asked.client.client_id)
        grant = Grant(
            client_id=asked.client.client_id,
            person=login.person,
            authenticated_at=login.authenticated_at,
            method=login.method,
            provider_session=login.provider_session,
            scope=asked.scope,
            resource=asked.resource,
            nonce=asked.nonce,
            redirect_uri=asked.redirect_uri,
            challenge=asked.challenge,
            form_post=asked.form_post,
            ends_at=now + CODE_LIFETIME,
        )
        answer = {"code": self._state.keep(self._state.codes, grant)}
        if asked.state is not None:
            answer["state"] = asked.state
        response = _back(asked.redirect_uri, asked.form_post, answer)
        remember_loop(response, first, count)
        return response


def _read(request: web.Request, client: Client, redirect_uri: str) -> Asked:
    """The rest of the request. Raises Refusal, to be told to the client."""
    query = request.query
    if query.get("response_type") != "code":
        raise Refusal(
            "unsupported_response_type",
            "MSIS9201: The received 'response_type' parameter is not supported; 'code' would be.",
        )
    if query.get("response_mode", "query") not in {"query", "form_post"}:
        raise Refusal(
            "invalid_request",
            "MSIS9270: The received 'response_mode' parameter is not supported; 'query' or 'form_post' would be.",
        )
    resource = query.get("resource")
    if resource is not None and resource not in {*client.resources, client.client_id}:
        raise Refusal(
            "invalid_resource",
            "MSIS9602: The received 'resource' parameter is invalid. The authorization server can not find a "
            "registered resource with the specified identifier.",
        )
    challenge = query.get("code_challenge")
    if challenge is not None and (query.get("code_challenge_method") != "S256" or not _CHALLENGE.match(challenge)):
        raise Refusal(
            "invalid_request",
            "MSIS9680: The received 'code_challenge' needs 'code_challenge_method' S256 and 43 base64url characters.",
        )
    max_age = query.get("max_age", "")
    return Asked(
        client=client,
        redirect_uri=redirect_uri,
        form_post=query.get("response_mode") == "form_post",
        state=query.get("state"),
        scope=query.get("scope", "openid"),
        resource=resource,
        nonce=query.get("nonce"),
        challenge=challenge,
        prompt=query.get("prompt"),
        max_age=int(max_age) if _NUMBER.match(max_age) else None,
    )


def _error(refusal: Refusal, state: str | None) -> dict[str, str]:
    answer = {"error": refusal.error, "error_description": refusal.description}
    return answer if state is None else {**answer, "state": state}


def _back(redirect_uri: str, form_post: bool, answer: dict[str, str]) -> web.Response:
    """The answer in the mode that was asked for (OAuth 2.0 Form Post Response Mode, or a redirect)."""
    if form_post:
        return page("adfs_post.html", action=redirect_uri, answer=answer)
    mark = "&" if "?" in redirect_uri else "?"
    return web.Response(status=302, headers={"Location": f"{redirect_uri}{mark}{urlencode(answer)}"})
