"""The composition root: builds every part, wires them, starts, reloads and closes them. Nothing else wires.

trust      TLS towards others: authorities and client certificates
shared     what costs something and outlives a configuration that still wants it
wiring     one configuration as a gateway
health     how store and providers are
doctor     everything that a configuration needs, looked at once
administration  the administrators' station of one configuration
telling    what one worker tells of itself: counts, and how it is
running    a proxy that serves, and takes another configuration while it does
sources    the files that a configuration came from, watched
process    the process around it: signals, and the file that it follows
management the listener of health, readiness and metrics
supervisor several workers as one proxy; it speaks to them by worker_process, worker, channel and messages
tally      what several workers tell, as one
"""

from proxy.app.process import run, serve_until_told
from proxy.app.running import RunningProxy, start
from proxy.app.supervisor import Supervisor
from proxy.app.wiring import retention_of, sessions_of

__all__ = ["RunningProxy", "Supervisor", "retention_of", "run", "serve_until_told", "sessions_of", "start"]
