"""Prints the seconds that one decision takes: a signed-in navigation, with both limits in force."""

import timeit

from proxy.model.organization import Organization
from proxy.model.principal import Principal
from proxy.model.request import RequestFacts, RequestKind
from proxy.model.session import Live, Session, SessionReference
from proxy.model.settings import TimeRules
from proxy.policy.decide import decide

NOW = 1_790_000_000.0
ORGANIZATION = Organization(
    name="contoso",
    id="7a1f0a6e-0000-4000-8000-000000000001",
    hosts=("crm.contoso.com",),
    upstream="http://upstream:80",
)
SESSION = Session(
    reference=SessionReference("tag", "hash"),
    organization="contoso",
    principal=Principal(key="default|S-1-5-21-1", name="Alice", groups=("Sales",)),
    signed_in_at=NOW,
    token_end=NOW + 3600,
    last_activity=NOW,
)
FACTS = RequestFacts(
    method="GET",
    target="/main.aspx",
    path="/main.aspx",
    scheme="https",
    host="crm.contoso.com",
    authority="crm.contoso.com",
    client_address="203.0.113.9",
    kind=RequestKind.NAVIGATION,
    user_caused=True,
)
RULES = TimeRules(session_length=28_800.0, inactivity=1_800.0)
COUNT = 100_000


def main() -> None:
    lookup = Live(SESSION, from_store=False)
    taken = timeit.repeat(lambda: decide(FACTS, ORGANIZATION, lookup, RULES, NOW + 60), number=COUNT, repeat=5)
    print(min(taken) / COUNT)


if __name__ == "__main__":
    main()
