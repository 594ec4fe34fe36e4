"""Signing in and out by OpenID Connect, and sessions made from bearer tokens.

Owns all network to identity providers (`provider`), the questions put to them (`oidc`), the state of a sign-in under
way (`login_state`, `loop`), and the endpoints `sign-in`, `callback` (`routes`), `sign-out`, `signed-out` (`sign_out`).
Leaves token rules to `tokens`, sessions and marks to `sessions`, and every decision about time to `policy`.
"""
