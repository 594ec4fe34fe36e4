"""What goes wrong with a request to the API, as the one answer that says so."""

from collections.abc import Mapping, Sequence
from typing import Any

from aiohttp import web

from proxy.errors import (
    ClaimsProxyError,
    SettingsConflict,
    SettingsError,
    SettingsInvalid,
    SettingsReadOnly,
    SettingUnknown,
)

HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin"}


class Problem(ClaimsProxyError):
    """An answer other than the one that was asked for.

    `problems`: faults of single fields. `sign_in`: path of the sign-in that the request waits for.
    """

    def __init__(
        self,
        status: int,
        error: str,
        message: str,
        *,
        problems: Sequence[Mapping[str, Any]] = (),
        headers: Mapping[str, str] | None = None,
        sign_in: str = "",
    ) -> None:
        super().__init__(f"{error}: {message}")
        self.status = status
        self.error = error
        self.message = message
        self.problems = problems
        self.headers = headers or {}
        self.sign_in = sign_in

    def answer(self) -> web.Response:
        """As HTTP."""
        body: dict[str, Any] = {"error": self.error, "message": self.message}
        if self.problems:
            body["problems"] = list(self.problems)
        if self.sign_in:
            body["sign_in"] = self.sign_in
        return answer(body, status=self.status, headers=self.headers)


def answer(body: object, *, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """JSON that nobody keeps."""
    return web.json_response(body, status=status, headers={**HEADERS, **(headers or {})})


_STATUS: Mapping[type[SettingsError], tuple[int, str]] = {
    SettingUnknown: (400, "unknown_setting"),
    SettingsInvalid: (422, "out_of_bounds"),
    SettingsConflict: (409, "changed_meanwhile"),
    SettingsReadOnly: (409, "read_only"),
}


def problem_of(error: SettingsError) -> Problem:
    """A change that is not made, as an answer."""
    status, word = _STATUS[type(error)]
    found = error.problems if isinstance(error, SettingsInvalid) else ()
    problems = [
        {"organization": p.organization, "field": p.setting, "value": p.value, "message": p.bound, "around": p.around}
        for p in found
    ]
    return Problem(status, word, str(error), problems=problems)
