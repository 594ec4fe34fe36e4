"""The edge: the protocol of the listener, in front of every request for as long as its connection lives.

Owns: where a request ends and the next begins, what of a head is ambiguous and goes no further, deadlines and bounds of
connections, the order of pipelined requests, and the fast lane: the commonest request (a session in this worker's
memory, a decision to forward, an upstream connection that is idle) without task, URL object or dictionary of headers.
All else goes to the full lane, aiohttp's protocol, one framed request at a time.

Leaves alone: every rule. Both lanes ask the same `policy`, header rules, judge and upstream pools of `gateway`, of the
gateway that is in force when the request comes. Pages and JSON answers are the full lane's, those to what the fast lane
met included. Has no routes.

    bounds      how much and how long
    head        a request's head: read in one way or refused
    body        where a body ends
    refusal     the answer to what goes no further
    rules       what the gateway in force makes of a head, remembered
    connection  one client
    fast        one request of the fast lane
    full        the hand-over to the full lane
    server      all clients of a listener; where callers start
"""
