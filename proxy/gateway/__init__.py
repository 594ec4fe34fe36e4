"""The gateway: every request of a client comes in here, and every answer goes out from here.

Owns the listener (`server`), the way of a request (`handler`), the turning of decisions into HTTP (`answer`), header
rules in both directions (`headers`), forwarding (`forward`, `websocket`, `streams`) and the connections to upstreams
(`upstream/`). Leaves every decision to `policy`, sessions to `sessions`, and sign-in and the page's script to whoever
fills the ports. Has no routes of its own: paths below the prefix go to the endpoints that `app` hands in, all others
upstream.
"""
