"""What a session store must do, in plain strings, bytes and floats: it knows nothing of cookies and opens no seal.

Two stores keep these promises, `redis.py` and `memory.py`, and one suite of tests (tests/store) holds both to them.
Every method but `start` raises StoreUnavailable where the store cannot tell. Instants are UTC seconds, passed in.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from proxy.store.admin_port import AdminStore
from proxy.store.forms_port import FormStore

TOMBSTONE_SECONDS = 24 * 3600
"""How long an ended session is remembered as such."""

REMEMBERED_SECONDS = 90 * 24 * 3600
"""How long marks and authentications are kept: AD FS's PersistentSsoLifetimeMins is 90 days by default, and for so long
it may answer from an authentication that was made before a mark."""

AUTHENTICATIONS_KEPT = 64
"""Authentications remembered per principal and organization, the newest."""

SIGN_OUTS_KEPT = 100_000
"""Sign-outs by providers remembered for a tombstone's time, the newest."""

UNKNOWN_SIGN_OUTS_KEPT = 10_000
"""Unsigned sign-outs of names that no session has, the newest: anybody can ask for one by front channel. They are kept
apart, so that they push out no other."""

UNKNOWN_SIGN_OUT_SECONDS = 600
"""How long those are kept: a sign-in that one of them may have overtaken takes no longer."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a session lies: the principal's hash tag and the hash of the session's id."""

    tag: str
    id_hash: str

    @property
    def member(self) -> str:
        """The place as one word, for indexes; base64url text holds no colon."""
        return f"{self.tag}:{self.id_hash}"

    @classmethod
    def of(cls, member: str) -> "Place":
        """The place that `member` names."""
        tag, _, id_hash = member.partition(":")
        return cls(tag, id_hash)


@dataclass(frozen=True, slots=True)
class Creation:
    """A session about to be created, as far as the store judges it.

    `authenticated_at`: the authentication instant, None where not stated. `asked_at`: when this sign-in asked for
    credentials, None where it did not. `session_length`, `inactivity`: the custom limits in seconds, None where they do
    not act. `exempt`: this session knows no inactivity. `replaced`: id hash of the session of the same principal that
    it replaces, or "". `earlier`: the signed-in instant that this authentication has under a tag of an older secret.
    `started_at`: when the browser left for the provider, None where that is not known.
    """

    place: Place
    organization: str
    now: float
    token_end: float
    authenticated_at: float | None = None
    counts_as_credentials: bool = True
    asked_at: float | None = None
    leeway: float = 60.0
    session_length: float | None = None
    inactivity: float | None = None
    exempt: bool = False
    replaced: str = ""
    earlier: float | None = None
    started_at: float | None = None


@dataclass(frozen=True, slots=True)
class SignedIn:
    """The session may be created; `at` is the signed-in instant it must carry."""

    at: float


@dataclass(frozen=True, slots=True)
class Owed:
    """The principal owes credentials newer than `after`; nothing was written but marks."""

    after: float


@dataclass(frozen=True, slots=True)
class Record:
    """A session that lives. `sealed`: the sealed fields by their names; the rest is plain and to be checked by them."""

    organization: str
    signed_in_at: float
    token_end: float
    seen: float
    exempt: bool
    sealed: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Stone:
    """A session that ended: whose organization's, why and when."""

    organization: str
    reason: str
    ended_at: float


@dataclass(frozen=True, slots=True)
class EndOrder:
    """A session to be ended; a place without an id hash raises the marks alone.

    `owes_credentials`: raises `credentials_after` to `ended_at`. `signs_out`: raises `signed_out_after` likewise.
    `seen_at_most`: end it only where its last activity is no later, None for in any case. `token_end_at_most`: only
    where its token's end is no later. `made_from`: only where this is still its sealed refresh token.
    """

    place: Place
    organization: str
    reason: str
    ended_at: float
    owes_credentials: bool = False
    signs_out: bool = False
    seen_at_most: float | None = None
    token_end_at_most: float | None = None
    made_from: bytes | None = None


@dataclass(frozen=True, slots=True)
class Renewal:
    """What a refresh brought for a session, to be written if nothing happened to the session meanwhile.

    `owner`: who holds the lease. `made_from`: the sealed refresh token that was used, the very bytes that were read; no
    two sealed values are alike, so they tell whether anybody wrote since. `token_end` None: the end stays as it is.
    `sealed`: fields that take the place of those of the same names. `inactivity`: as in `Creation`. `names`: the
    further indexes that find the session; they are kept for as long as it may live now.
    """

    place: Place
    organization: str
    owner: str
    now: float
    made_from: bytes
    sealed: Mapping[str, bytes]
    signed_in: float
    token_end: float | None = None
    inactivity: float | None = None
    names: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Touch:
    """A sign of activity in one session."""

    place: Place
    seen: float


@dataclass(frozen=True, slots=True)
class Marks:
    """The instants after which credentials are owed and before which bearer tokens are refused; None where unset."""

    credentials_after: float | None = None
    signed_out_after: float | None = None


@dataclass(frozen=True, slots=True)
class Listener:
    """Who hears of ended sessions.

    `ended(place, reason)`: one ended, anywhere. `beat(name)`: a heartbeat of one's own came back. `lost()`: messages
    may have been missed. `changed(place)`: a session that lives was amended or renewed, anywhere. `settings()`:
    settings were changed.
    """

    ended: Callable[[Place, str], None]
    beat: Callable[[str], None]
    lost: Callable[[], None]
    changed: Callable[[Place], None] = field(default=lambda _place: None)
    settings: Callable[[], None] = field(default=lambda: None)


class SessionStore(Protocol):
    """Sessions, tombstones, marks and indexes of all workers and nodes.

    `retention`: seconds a session is kept at most; what is written from now on goes by it. `admin`: what administrators
    keep beside them. `forms`: those that were posted too late.
    """

    retention: float

    @property
    def forms(self) -> FormStore:
        """Held forms in the same store."""

    @property
    def admin(self) -> AdminStore:
        """Settings, their history, counts."""

    async def start(self, listener: Listener) -> None:
        """Begin to listen; returns at once, and goes on trying while the store is away."""

    async def close(self) -> None:
        """Stop listening and close every connection."""

    async def beat(self, name: str) -> None:
        """Send a heartbeat through the subscription; it comes back to this listener alone."""

    async def prepare(self, creation: Creation) -> SignedIn | Owed:
        """End what has reached its limit, then judge; writes no session."""

    async def create(
        self, creation: Creation, signed_in: float, sealed: Mapping[str, bytes], names: Sequence[str]
    ) -> SignedIn | Owed:
        """As `prepare`, then write the session if its signed-in instant is still `signed_in`; else return the other.

        `names`: further indexes that find the session (`sid:…`, `sub:…`).
        """

    async def read(self, place: Place, names: Sequence[str]) -> Record | Stone | None:
        """The session with these sealed fields, what is left of it, or None."""

    async def read_all(self, places: Sequence[Place], names: Sequence[str]) -> tuple[Record | Stone | None, ...]:
        """As `read`, of several in one go."""

    async def touch(self, touches: Sequence[Touch]) -> None:
        """Move last activities forward, never back; a session that is no more stays so."""

    async def amend(self, place: Place, name: str, sealed: bytes) -> bool:
        """Write one more sealed field, once, and tell all; False where it is there or the session is no more."""

    async def end(self, order: EndOrder) -> bool:
        """End one session and tell all; False where it had ended before or a condition of the order does not hold."""

    async def lease(self, place: Place, owner: str, seconds: float, now: float) -> bool:
        """Hold the right to renew a session for `seconds` from now, 0 to give it up.

        False where another holds it or the session is no more. It runs out by the store's own time.
        """

    async def renew(self, renewal: Renewal) -> bool:
        """Write what a refresh brought, give the lease up and tell all.

        False, and nothing is written, where the session has ended or reached an end, another holds the lease, or
        `made_from` is not what the session holds any more.
        """

    async def end_principal(self, tag: str, organization: str | None, order: EndOrder) -> tuple[Place, ...]:
        """End all sessions of a principal (of one organization, or of all) and raise the marks `order` asks for."""

    async def marks(self, tags: Sequence[str], organization: str) -> Marks:
        """The marks of a principal in an organization, the latest under any of its tags."""

    async def use_once(self, name: str, seconds: float, now: float) -> bool:
        """True for the first use of `name` within `seconds`."""

    async def find(self, name: str, offset: int = 0, limit: int | None = None) -> tuple[Place, ...]:
        """Where sessions under a further index may lie, the longest kept first; some may be gone."""

    async def sign_out_names(self, names: Sequence[str], at: float, *, known: bool = True) -> None:
        """Remember that a provider signed out at `at` whatever has one of these further names, made or in the making.

        The newest `SIGN_OUTS_KEPT` are remembered, for TOMBSTONE_SECONDS.

        Args:
            names: The further names.
            at: The instant of the sign-out.
            known: False if neither a signature nor a session vouches for the names. Of those the newest
                `UNKNOWN_SIGN_OUTS_KEPT` are remembered, for UNKNOWN_SIGN_OUT_SECONDS.
        """

    async def names_signed_out_after(self, names: Sequence[str]) -> float | None:
        """The latest instant at which one of these names was signed out, None where none is remembered."""

    async def listing(self, organization: str | None, offset: int, limit: int) -> tuple[Place, ...]:
        """Where sessions may lie, the newest signed-in first; some may be gone."""

    async def count(self, organizations: Sequence[str]) -> tuple[int, ...]:
        """How many sessions are listed of each; some may be gone."""
