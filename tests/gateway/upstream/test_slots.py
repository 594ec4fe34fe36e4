"""Shares and lines: by examples, and by any order of what may happen to them."""

from collections import Counter
from typing import NamedTuple

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from proxy.errors import UpstreamBusy, UpstreamUnreachable
from proxy.gateway.upstream.slots import LEAST_SHARE, Shares, Slots


class Someone(NamedTuple):
    session: str | None
    address: str | None = None


ANNA, BERT = Someone("anna"), Someone("bert")


def waiting(slots, *holders, now=0.0, **options):
    """Turns for these holders, and what each was told."""
    told = [[] for _ in holders]
    turns = [
        slots.wait(holder, now, lambda found, said=said: said.append(found) is None, **options)
        for holder, said in zip(holders, told, strict=True)
    ]
    return turns, told


@pytest.mark.parametrize(
    ("holder", "share"), [(Someone("anna", "192.0.2.1"), 64), (Someone(None, "192.0.2.1"), 128), (None, 256)]
)
def test_share_of_a_limit(holder, share):
    shares = Shares(256)
    assert [shares.take(holder) for _ in range(share + 1)] == [True] * share + [False]
    assert shares.allows(Someone("bert", "192.0.2.2")) is (share < 256)
    shares.leave(holder)
    assert shares.take(holder)


def test_sessions_of_one_address_share_its_half():
    shares = Shares(256)
    taken = sum(shares.take(Someone(f"session {number % 4}", "192.0.2.1")) for number in range(256))
    assert taken == 128
    assert shares.take(Someone("another", "192.0.2.2"))


def test_trusted_proxy_has_no_share_of_an_address():
    shares = Shares(256)
    assert sum(shares.take(Someone(f"session {number}", None)) for number in range(300)) == 256


def test_share_is_never_smaller_than_a_browser_needs():
    shares = Shares(10)
    assert sum(shares.take(ANNA) for _ in range(10)) == LEAST_SHARE
    assert shares.take(BERT)


def test_what_a_share_refuses_is_not_counted():
    shares = Shares(32)
    address = "192.0.2.1"
    for _ in range(16):
        assert shares.take(Someone(None, address))
    assert not shares.take(Someone("anna", address))
    assert sum(shares.take(Someone("anna", "192.0.2.2")) for _ in range(20)) == LEAST_SHARE


def test_lines_are_served_in_rotation():
    slots = Slots(connections=0, queue=100, patience=9)
    slots.shares.limit = 100
    turns, _ = waiting(slots, ANNA, ANNA, ANNA, BERT, None)
    order = [slots.next() for _ in range(5)]
    assert [turn.holder for turn in order] == [ANNA, BERT, None, ANNA, ANNA]
    assert [turn for turn in order if turn.holder is ANNA] == turns[:3]
    assert slots.next() is None


def test_line_above_its_share_delays_nobody():
    slots = Slots(connections=256, queue=1024, patience=9)
    for _ in range(64):
        assert slots.shares.take(ANNA)
    waiting(slots, *[ANNA] * 100, BERT)
    assert slots.next().holder is BERT
    assert slots.next() is None
    slots.shares.leave(ANNA)
    assert slots.next().holder is ANNA


def test_queue_has_shares_too():
    slots = Slots(connections=0, queue=64, patience=9)
    waiting(slots, *[ANNA] * 16)
    with pytest.raises(UpstreamBusy):
        waiting(slots, ANNA)
    waiting(slots, BERT)


def test_queue_is_bounded_but_for_requests_that_lost_their_turn():
    slots = Slots(connections=1, queue=1, patience=9)
    (first,), told = waiting(slots, None)
    with pytest.raises(UpstreamBusy):
        waiting(slots, None)
    (again,), _ = waiting(slots, None, first=True)
    assert slots.next() is again
    slots.refuse(UpstreamUnreachable("closed"))
    assert isinstance(told[0][0], UpstreamUnreachable)
    assert (slots.waiting, first.is_counted) == (0, True)


def test_withdrawn_turn_is_never_served():
    slots = Slots(connections=1, queue=1, patience=9)
    (turn,), told = waiting(slots, ANNA)
    slots.withdraw(turn)
    slots.withdraw(turn)
    assert (slots.next(), slots.waiting, told) == (None, 0, [[]])
    waiting(slots, ANNA)  # its place in the queue is free again


def test_patience_ends_at_its_instant():
    slots = Slots(connections=1, queue=5, patience=9)
    _, told = waiting(slots, ANNA, now=100.0)
    slots.expire(108.999)
    assert told == [[]]
    slots.expire(109.0)
    assert isinstance(told[0][0], UpstreamBusy)
    assert slots.waiting == 0


HOLDERS = [None, *(Someone(session, address) for session in (None, "a", "b", "c") for address in (None, "x", "y"))]


class Lines(RuleBasedStateMachine):
    """Connections as a pool has them: granted, given back, withdrawn and expired in any order."""

    def __init__(self):
        super().__init__()
        self.connections = 20
        self.slots = Slots(connections=self.connections, queue=30, patience=5.0)
        self.held, self.turns, self.now = [], [], 0.0
        self.passed_over = Counter()

    @rule(holder=st.sampled_from(HOLDERS), first=st.booleans())
    def ask(self, holder, first):
        if self.slots.free and self.slots.shares.take(holder):
            self.slots.free -= 1
            self.held.append(holder)
            return
        try:
            turn = self.slots.wait(holder, self.now, lambda _: True, first=first)
        except UpstreamBusy:
            assert not first
        else:
            self.turns.append(turn)

    @precondition(lambda self: self.held)
    @rule(which=st.integers(min_value=0))
    def give_back(self, which):
        holder = self.held.pop(which % len(self.held))
        self.slots.shares.leave(holder)
        self.slots.free += 1
        self.serve()

    def serve(self):
        while self.slots.free and (turn := self.slots.next()) is not None:
            self.slots.free -= 1
            self.held.append(turn.holder)
            self.turns.remove(turn)
            for other in {each.line for each in self.turns} - {turn.line}:
                waits = next(each for each in self.turns if each.line == other)
                # Those that might have been served instead: at most once for each line there is.
                if self.slots.shares.allows(waits.holder):
                    self.passed_over[other] += 1
                    assert self.passed_over[other] <= len(HOLDERS)
            self.passed_over.pop(turn.line, None)

    @precondition(lambda self: self.turns)
    @rule(which=st.integers(min_value=0))
    def withdraw(self, which):
        turn = self.turns.pop(which % len(self.turns))
        self.slots.withdraw(turn)
        if not any(each.line == turn.line for each in self.turns):
            self.passed_over.pop(turn.line, None)

    @rule(seconds=st.floats(min_value=0, max_value=6))
    def time_passes(self, seconds):
        self.now += seconds
        self.slots.expire(self.now)
        self.turns = [turn for turn in self.turns if turn.deadline > self.now]
        self.passed_over.clear()

    @invariant()
    def nothing_is_lost_and_no_limit_exceeded(self):
        shares = self.slots.shares
        assert shares.held == len(self.held) <= self.connections
        assert self.slots.free == self.connections - len(self.held)
        assert self.slots.waiting == len(self.turns)
        sessions = Counter(each.session for each in self.held if each and each.session)
        addresses = Counter(each.address for each in self.held if each and each.address)
        assert shares._sessions == sessions
        assert shares._addresses == addresses
        assert all(count <= LEAST_SHARE for count in sessions.values())
        assert all(count <= self.connections // 2 for count in addresses.values())

    @invariant()
    def nobody_waits_for_what_is_free(self):
        assert not (self.slots.free and any(self.slots.shares.allows(turn.holder) for turn in self.turns))


Lines.TestCase.settings = settings(deadline=None)
TestLines = Lines.TestCase
