import pytest

from proxy.edge.full import FullLane
from proxy.edge.server import Lane
from support.lanes import sites
from support.stage import ask, stage, upstream

__all__ = ["ask", "sites", "stage", "upstream"]


@pytest.fixture
def lane() -> Lane:
    """Both lanes, as a deployment has them."""
    return Lane.BOTH


@pytest.fixture
def to_full_lane(monkeypatch) -> list[bytes]:
    """The heads that the full lane was given."""
    given: list[bytes] = []
    begin = FullLane.begin

    def noting(self, head, foregone, *, draining):
        given.append(head)
        begin(self, head, foregone, draining=draining)

    monkeypatch.setattr(FullLane, "begin", noting)
    return given
