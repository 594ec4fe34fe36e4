"""Forms of people whose session has ended: kept where they may be, and sent on when their user is back.

A kept form is sent on by a form of ours that posts a token to the very address that the kept one was for: so the
address bar, relative links and the application's answer are what they would have been, files and all, without script.
"""

from dataclasses import replace
from urllib.parse import parse_qs

import structlog
from aiohttp import web

from proxy.errors import StoreUnavailable
from proxy.gateway.answer import Answers
from proxy.gateway.forward import Passage
from proxy.gateway.judgement import Judged
from proxy.gateway.ports import KeepsForms
from proxy.gateway.written import continue_if_expected
from proxy.model.decision import Challenge
from proxy.model.held_form import TOKEN_FIELD, HeldForm, Kept, NotKept, NotSent
from proxy.model.request import RequestKind
from proxy.policy.held_form import why_not_kept

log = structlog.get_logger("gateway")

_NAVIGATIONS = frozenset({RequestKind.NAVIGATION, RequestKind.FRAMED_NAVIGATION})
_FORM = "application/x-www-form-urlencoded"
_LONGEST_TOKEN_FORM = 256


class LateForms:
    """Between the gateway and `keeper`, who has the forms."""

    def __init__(self, keeper: KeepsForms, answers: Answers) -> None:
        self._keeper = keeper
        self._answers = answers

    def are_meant(self, passage: Passage, judged: Judged) -> bool:
        """Whether somebody posted a form by a page, and is not let in."""
        facts = passage.facts
        return (
            isinstance(judged.decision, Challenge)
            and facts.method == "POST"
            and facts.kind in _NAVIGATIONS
            and passage.credentials.bearer is None
        )

    async def keep(self, passage: Passage, judged: Judged) -> web.StreamResponse:
        """Keep it and lead to sign-in, or say what happened."""
        request, facts, organization, over = passage.request, passage.facts, passage.organization, judged.over
        kept: Kept | NotKept | None = why_not_kept(
            session_ended=over is not None,
            origins=request.headers.getall("Origin", []),
            own_origin=facts.origin,
            media_type=request.content_type,
            length=request.content_length,
        )
        if kept is None and over is not None:
            continue_if_expected(request)
            kept = await self._keeper.keep(request, facts, organization, over)
        if isinstance(kept, Kept):
            log.info("form_kept", organization=organization.name)
            return self._answers.form_kept(kept)
        why = kept or NotKept.NO_SESSION
        log.info("form_not_kept", organization=organization.name, reason=why)
        return self._answers.form_not_kept(request, facts, organization, why)

    async def exchange(self, passage: Passage) -> Passage | web.StreamResponse:
        """The passage as it goes on: with the kept form, where the request is one that has it sent on.

        Raises StoreUnavailable.
        """
        request = passage.request
        if passage.session is None or passage.body is not None or not _may_be_token(passage):
            return passage
        body = await request.read()
        tokens = _tokens(body)
        if not tokens:
            return replace(passage, body=body)
        found: HeldForm | NotSent = NotSent.GONE
        if len(tokens) == 1:
            facts, organization = passage.facts, passage.organization
            found = await self._keeper.take(request, facts, organization, passage.session, tokens[0])
        if isinstance(found, HeldForm):
            return replace(passage, body=found.body, form=found)
        # Whatever became of the form: the application must not take our token for one of its own.
        return self._answers.form_not_sent(request, passage.organization, found)

    async def give_back(self, form: HeldForm) -> None:
        """The application could not be reached: the form is there to be sent on once more."""
        try:
            await self._keeper.give_back(form)
        except StoreUnavailable as error:
            log.warning("form_lost", organization=form.organization, error=str(error))


def _may_be_token(passage: Passage) -> bool:
    request = passage.request
    return (
        passage.facts.method == "POST"
        and passage.facts.kind in _NAVIGATIONS
        and request.content_type == _FORM
        and 0 < (request.content_length or 0) <= _LONGEST_TOKEN_FORM
        and any("claims-held" in raw for raw in request.headers.getall("Cookie", ()))
    )


def _tokens(body: bytes) -> list[str]:
    try:
        return parse_qs(body.decode(), keep_blank_values=True, max_num_fields=8).get(TOKEN_FIELD, [])
    except ValueError:  # no UTF-8, or more fields than ours has
        return []
