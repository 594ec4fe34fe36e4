"""The composition root: builds every part, wires them, starts, reloads and closes them. Nothing else wires.

trust      TLS towards others: authorities and client certificates
shared     what costs something and outlives a configuration that still wants it
wiring     one configuration as a gateway
running    a proxy that serves, and takes another configuration while it does
sources    the files that a configuration came from, watched
process    the process around it: signals
"""

from proxy.app.process import run, serve_until_told
from proxy.app.running import RunningProxy, start
from proxy.app.wiring import retention_of, sessions_of

__all__ = ["RunningProxy", "retention_of", "run", "serve_until_told", "sessions_of", "start"]
