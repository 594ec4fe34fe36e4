"""The API's description, OpenAPI 3.1, made from the very models that read its bodies."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from proxy.admin.bodies import ChangeBody, PreviewBody, RevokeBody, RollbackBody
from proxy.admin.visitor import TOKEN_HEADER

_STRING: Mapping[str, Any] = {"type": "string"}
_INTEGER: Mapping[str, Any] = {"type": "integer"}
_NUMBER: Mapping[str, Any] = {"type": "number"}
_BOOLEAN: Mapping[str, Any] = {"type": "boolean"}
_DISPLAY_NAME: Mapping[str, Any] = {**_STRING, "description": "The display name: only to be shown, never compared."}
_VALUE: Mapping[str, Any] = {"type": ["boolean", "integer", "null"]}
_LINES: Mapping[str, Any] = {"type": "object", "additionalProperties": {"type": "array", "items": _STRING}}


def _or_null(kind: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": [kind["type"], "null"]}


def _object(**properties: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _array(items: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


def _counts() -> dict[str, Any]:
    return {"type": "object", "additionalProperties": _INTEGER}


_ITEM = _object(organization=_or_null(_STRING), setting=_STRING, before=_VALUE, after=_VALUE)
_SCHEMAS: Mapping[str, Mapping[str, Any]] = {
    "Me": _object(
        user={**_STRING, "description": "The UPN, else `sub`, else the primary SID: as whom changes are recorded."},
        name=_DISPLAY_NAME,
        upn=_or_null(_STRING),
        token={**_STRING, "description": f"To be sent as {TOKEN_HEADER} with every change."},
        credentials_fresh_for={**_NUMBER, "description": "Seconds that changes may still be made for."},
        each_change_signs_in={**_BOOLEAN, "description": "An application shares the origin: each change signs in."},
        settings_source={"enum": ["live", "yaml"]},
    ),
    "Overview": _object(
        at=_NUMBER,
        sessions=_counts(),
        bucket_seconds=_INTEGER,
        first_bucket_at=_NUMBER,
        series={"type": "object", "additionalProperties": _array(_INTEGER)},
        health=_array(_object(name=_STRING, ok=_BOOLEAN, reason=_STRING, needed=_BOOLEAN)),
    ),
    "Organizations": _object(
        organizations=_array(
            _object(
                id=_STRING,
                name=_STRING,
                friendly_name=_STRING,
                kind={"enum": ["crm", "portal"]},
                state=_STRING,
                hosts=_array(_STRING),
                path=_STRING,
                identity_provider=_STRING,
                sessions=_INTEGER,
                rules=_array(_STRING),
            )
        )
    ),
    "Settings": _object(
        revision=_INTEGER,
        source={"enum": ["live", "yaml"]},
        limits=_counts(),
        settings=_array(
            _object(
                organization=_or_null(_STRING),
                setting=_STRING,
                value=_VALUE,
                effective={**_VALUE, "description": "What acts where `value` is left open."},
                origin={"enum": ["live", "configuration", "server_settings", "default"]},
                by=_or_null(_STRING),
                at=_or_null(_NUMBER),
            )
        ),
        rules=_LINES,
    ),
    "Forecast": _object(changes=_INTEGER, ends=_INTEGER, ends_by_organization=_counts(), rules=_LINES),
    "Done": _object(revision=_INTEGER, changes=_array(_ITEM), ended=_INTEGER),
    "Ended": _object(ended=_INTEGER),
    "History": _object(
        entries=_array(
            _object(
                act=_STRING,
                at=_NUMBER,
                by=_STRING,
                why=_STRING,
                revision=_or_null(_INTEGER),
                subject=_STRING,
                ended=_or_null(_INTEGER),
                items=_array(_ITEM),
            )
        ),
        cursor=_STRING,
    ),
    "Sessions": _object(
        sessions=_array(
            _object(
                id=_STRING,
                organization=_STRING,
                user={**_STRING, "description": "The UPN, else `sub`, else the primary SID: whose session it is."},
                provider={**_STRING, "description": "The identity provider's name; empty where it is not known."},
                name=_DISPLAY_NAME,
                upn=_or_null(_STRING),
                client=_STRING,
                signed_in_at=_NUMBER,
                last_activity=_NUMBER,
                ends_at=_or_null(_NUMBER),
                ends_by=_or_null(_STRING),
                over=_BOOLEAN,
                own=_BOOLEAN,
            )
        ),
        cursor=_STRING,
    ),
    "Problem": {
        "type": "object",
        "properties": {
            "error": _STRING,
            "message": _STRING,
            "problems": _array({"type": "object"}),
            "sign_in": _STRING,
            "reference": _STRING,
        },
        "required": ["error"],
    },
}
_PROBLEMS: Mapping[int, str] = {
    400: "The request is not as it must be.",
    401: "No session, or one that has ended.",
    403: "Not an administrator, a foreign origin, a wrong token, credentials that are too old, or a change that waits: "
    "`sign_in` is the path of the sign-in that makes it.",
    404: "There is no such thing.",
    405: "Another method.",
    503: "The store does not answer.",
}
_OF_BODIES: Mapping[int, str] = {
    409: "Somebody else changed it meanwhile, or settings are those of the file.",
    413: "The body is too large.",
    415: "The body is no JSON.",
    422: "Values out of their bounds, each named with its bound.",
}
_CURSOR = {"name": "cursor", "in": "query", "schema": {"type": "string", "pattern": "^[0-9]{0,9}$"}}
_SEARCH = {"name": "search", "in": "query", "schema": {"type": "string", "maxLength": 200}}
_ORGANIZATION = {"name": "organization", "in": "query", "schema": {"type": "string", "maxLength": 100}}
_TOKEN = {"name": TOKEN_HEADER, "in": "header", "required": True, "schema": _STRING}


def _get(answer: str, summary: str, *parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {"get": {"summary": summary, "parameters": list(parameters), "responses": _responses(answer, _PROBLEMS)}}


def _post(body: type[BaseModel], answer: str, summary: str) -> dict[str, Any]:
    return {
        "post": {
            "summary": summary,
            "parameters": [_TOKEN],
            "requestBody": {"required": True, "content": _json(body.__name__)},
            "responses": _responses(answer, {**_PROBLEMS, **_OF_BODIES}),
        }
    }


def _responses(answer: str, problems: Mapping[int, str]) -> dict[str, Any]:
    told = {str(status): {"description": text, "content": _json("Problem")} for status, text in problems.items()}
    return {"200": {"description": "As asked.", "content": _json(answer)}, **told}


def _json(name: str) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}


def description(base: str) -> dict[str, Any]:
    """The whole. `base`: the path of the administrators' station on this host."""
    schemas: dict[str, Any] = {name: dict(schema) for name, schema in _SCHEMAS.items()}
    for model in (PreviewBody, ChangeBody, RollbackBody, RevokeBody):
        made = model.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas |= made.pop("$defs", {})
        schemas[model.__name__] = made
    return {
        "openapi": "3.1.0",
        "info": {"title": "claims-proxy: administration", "version": "1"},
        "servers": [{"url": f"{base}/api"}],
        "paths": {
            "/me": _get("Me", "Who asks, and the token that a change needs"),
            "/overview": _get("Overview", "Sessions now, what happened lately, health"),
            "/organizations": _get("Organizations", "Every organization with the rules in force"),
            "/settings": _get("Settings", "Every setting with its value and where that comes from"),
            "/settings/preview": _post(PreviewBody, "Forecast", "What a change would do, without making it"),
            "/settings/change": _post(ChangeBody, "Done", "Change settings, whole or not at all"),
            "/settings/rollback": _post(RollbackBody, "Done", "Bring back the values of a revision"),
            "/history": _get("History", "Changes and acts, the newest first", _CURSOR),
            "/sessions": _get("Sessions", "Who is signed in", _CURSOR, _SEARCH, _ORGANIZATION),
            "/sessions/revoke": _post(RevokeBody, "Ended", "End one session"),
            "/users/revoke": _post(RevokeBody, "Ended", "End every session of the session's user, by UPN or `sub`"),
        },
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "session": {"type": "apiKey", "in": "cookie", "name": "__Host-claims-session"},
            },
        },
        "security": [{"session": []}],
    }
