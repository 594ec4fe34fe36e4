"""Every rule, as pure functions of frozen values: no network, no store, no log, no clock, no chance.

Owns what may be judged at all (`target`), who sent it (`peer`, `forwarded`), whom it is for (`organization`), how it
came about (`client`), how long a session lasts (`limits`), who may pass where (`access`), where a browser may be sent
back to (`return_url`), how paths are compared (`paths`), and the one decision (`decide`). Leaves carrying a decision
out to the gateway, and every fact it is given to those who fetched it; `now` is handed in.
"""
