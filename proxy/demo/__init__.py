"""Something to stand in front of, on one machine: an AD FS double, a small CRM, and the proxy between them.

Owns the double (`adfs*`), the CRM (`crm*`), the demonstration's configuration (`demo.yaml`) and its start (`run`). All
of it listens on loopback only. Leaves the proxy itself alone: `proxy.app` starts it from the same kind of YAML as
anywhere else. The tests use the double and the CRM too, on ports and a clock of their own.

Routes of the double, below `/adfs`: `.well-known/openid-configuration`, `discovery/keys`, `oauth2/authorize`,
`oauth2/token`, `oauth2/logout`, `userinfo`, `demo/rollover`. Routes of the CRM: see `crm`.
"""
