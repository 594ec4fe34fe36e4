"""The bodies of requests to the API, and how one is read: in bounds, as JSON, with every fault named."""

from typing import Annotated, Any, TypeVar

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, ValidationError

from proxy.admin.problem import Problem

_MOST_BYTES = 64 * 1024

T = TypeVar("T", bound=BaseModel)
Text = Annotated[str, Field(max_length=1000)]
Revision = Annotated[StrictInt, Field(ge=0, le=2**53)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class WishBody(_Body):
    """A setting that is to be so."""

    organization: Annotated[str, Field(max_length=100)] | None = Field(
        None, description="Unique name or GUID; null: the setting of all organizations."
    )
    setting: Annotated[str, Field(max_length=100)] = Field(description="Its name, in any letter case.")
    value: StrictBool | Annotated[StrictInt, Field(ge=0, le=2**31)] | None = Field(
        description="A switch or minutes; null: what the configuration says."
    )


class PreviewBody(_Body):
    """A change that is not made."""

    changes: Annotated[list[WishBody], Field(min_length=1, max_length=100)]


class ChangeBody(PreviewBody):
    """A change of settings, made whole or not at all."""

    revision: Revision | None = Field(None, description="The one that its author looked at.")
    why: Text = Field("", description="For the history.")


class RollbackBody(_Body):
    """Going back in the history."""

    to: Revision = Field(description="The revision whose values are to be in force again; 0: the configuration's.")
    revision: Revision | None = Field(None, description="The one that its author looked at.")
    why: Text = Field("", description="For the history.")


class RevokeBody(_Body):
    """Ending a session, or all of its user."""

    session: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{22}:[A-Za-z0-9_-]{43}$")] = Field(
        description="As the list of sessions has it."
    )
    why: Text = Field("", description="For the history.")


async def read_body(request: web.Request, model: type[T]) -> T:
    """The body as `model`. Raises Problem (400, 413, 415)."""
    if request.content_type != "application/json":
        raise Problem(415, "not_json", "the body must be application/json")
    if request.content_length is not None and request.content_length > _MOST_BYTES:
        raise Problem(413, "too_large", f"at most {_MOST_BYTES} bytes")
    raw = await request.content.read(_MOST_BYTES + 1)
    while len(raw) <= _MOST_BYTES and (more := await request.content.read(_MOST_BYTES + 1 - len(raw))):
        raw += more
    if len(raw) > _MOST_BYTES:
        raise Problem(413, "too_large", f"at most {_MOST_BYTES} bytes")
    try:
        return model.model_validate_json(raw)
    except ValidationError as error:
        found: list[dict[str, Any]] = [
            {"field": ".".join(map(str, fault["loc"])), "message": fault["msg"]} for fault in error.errors()
        ]
        raise Problem(400, "invalid_request", "the body is not as it must be", problems=found) from error
