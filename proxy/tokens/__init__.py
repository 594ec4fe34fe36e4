"""Tokens: what makes one acceptable, and what it then says.

Owns the keys of a provider (`keys`), the signature layer (`jws`), the rules of id tokens and access tokens (`jwt`)
and the way from verified claims to a principal (`claims`). `strict` reads base64url and JSON without forgiveness. Of
SAML: XML from strangers (`xml`), its signatures and encryption (`xml_signature`, `xml_encryption`, `xml_signing`),
the one token of a response (`wstrust`), what it says (`assertion`) and the rules it must keep (`saml`); a provider's
metadata (`federation_metadata`) and ours (`own_metadata`).

Leaves alone: fetching keys and metadata, redeeming codes, remembering nonces (sign-in); cookies and sessions. No
network, no state, no clock: keys, expectations and `now` are handed in.
"""
