"""Signing in and out by OpenID Connect and WS-Federation, and sessions made from bearer tokens.

Owns all network to identity providers (`provider`, `federation`), the questions put to them (`oidc`, `wsfed`) behind
one port (`protocol`, `oidc_sign_in`, `federation_sign_in`), the state of a sign-in under way (`login_state`, `loop`),
what follows from an answer (`completion`), the endpoints `sign-in`, `callback`, `wsfed` (`routes`, `at_root`),
`sign-out`, `signed-out` (`sign_out`; `own_sign_out` ends what is meant), the provider's sign-outs (`front_channel`,
`back_channel`, `single_sign_out`; `provider_sign_out` ends what they name), `device/…` (`device`),
`federation-metadata.xml` (`own_metadata`), and the renewal of sessions (`refresh`, `token_endpoint`). Leaves token
rules to `tokens`, sessions and marks to `sessions`, and every decision about time to `policy`.
"""
