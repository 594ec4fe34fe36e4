"""For whom a request goes upstream: its session on its client connection, and the address that its shares go by."""

from collections.abc import Callable, Sequence
from hashlib import sha256

from proxy.gateway.upstream import Owner, Ownership
from proxy.model.deployment import Network
from proxy.model.session import EndReason, Session
from proxy.policy.peer import is_trusted

WatchSession = Callable[[Session, Callable[[EndReason], None]], Callable[[], None]]


class Owning:
    """Finds the owner of each request.

    `watch`: calls back when a session has ended. `trusted`: proxies, which speak for many: they have no share.
    """

    def __init__(self, watch: WatchSession, trusted: Sequence[Network]) -> None:
        self._watch = watch
        self._trusted = trusted

    def owner(
        self, ownership: Ownership, session: Session | None, client_address: str, bearer: str | None = None
    ) -> Owner:
        """Return the owner of a request; another one than the last request's takes that one's place.

        `bearer`: the token that `session` was made from, if it was.
        """
        name = None if session is None else _name_of(session, bearer)
        found = ownership.find(name, client_address)
        if found is None:
            exempt = not client_address or (bool(self._trusted) and is_trusted(client_address, self._trusted))
            found = Owner(name, None if exempt else client_address, client_address)
            if session is not None and session.reference is not None:
                found.watch(lambda on_end: self._watch(session, lambda _reason: on_end()))
            ownership.change(found)
        return found


def _name_of(session: Session, bearer: str | None) -> str:
    if session.reference is not None:
        return session.reference.id_hash
    # Several clients may have tokens of one principal: each token is a session of its own.
    return sha256((bearer or session.principal.key).encode("utf-8", "surrogateescape")).hexdigest()
