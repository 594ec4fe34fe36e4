"""Who in this worker wants to know that a session ended: open WebSockets, streams and event sources."""

from collections.abc import Callable

import structlog

from proxy.model.session import EndReason
from proxy.store.port import Place

_log = structlog.get_logger("sessions")

OnEnd = Callable[[EndReason], None]


class Watches:
    """Each watcher is called once, when its session is known to have ended anywhere."""

    def __init__(self) -> None:
        self._watchers: dict[Place, dict[object, OnEnd]] = {}

    def add(self, place: Place, on_end: OnEnd) -> Callable[[], None]:
        """Watch a session; call the answer to stop, any number of times."""
        watching = object()
        self._watchers.setdefault(place, {})[watching] = on_end

        def stop() -> None:
            watchers = self._watchers.get(place, {})
            watchers.pop(watching, None)
            if not watchers:
                self._watchers.pop(place, None)

        return stop

    def ended(self, place: Place, reason: EndReason) -> None:
        """Tell the watchers of one session."""
        for on_end in self._watchers.pop(place, {}).values():
            try:
                on_end(reason)
            except Exception:  # noqa: BLE001 - logged with its traceback; the others go on
                # One that fails must keep neither the others nor the subscription from hearing.
                _log.exception("session_watcher_failed")

    def places(self) -> tuple[Place, ...]:
        """The sessions that are watched."""
        return tuple(self._watchers)
