"""claims-proxy: a claims-based authentication reverse proxy.

A request's way, file by file:

1. `edge/` listens, frames each request and refuses what is ambiguous; the commonest it carries through itself, by the
   rules of what follows (`edge/fast.py`).
2. `gateway/handler.py` asks, in this order: `policy/target.py` whether it can be judged at all, `policy/peer.py` who
   sent it, `policy/organization.py` whom it is for, `policy/client.py` how it came about.
3. `sessions/service.py` tells whose cookie it carries: the worker's own copy first, then `store/`.
4. `policy/decide.py` decides, purely: forward, sign in, challenge or refuse, each with its reason.
5. `gateway/forward.py` takes it upstream over `gateway/upstream/`, or `gateway/answer.py` turns the decision into HTTP.
6. `sessions/activity.py` notes that a person was there, off the request's path.

A sign-in starts and ends in `signin/routes.py`; what a page knows of its session, and tells of it, is `browser/`'s.
`app/` builds all of it; nothing else wires.
"""
