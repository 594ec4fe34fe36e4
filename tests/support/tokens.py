"""Tokens for tests, made by hand so that each may break one rule: nothing here refuses to write nonsense."""

import json
from functools import cache

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from proxy.tokens.keys import KeySet
from proxy.tokens.strict import encode_base64url

NOW = 1_790_000_000.0
ISSUER = "https://adfs.contoso.com/adfs"
ACCESS_TOKEN_ISSUER = "http://adfs.contoso.com/adfs/services/trust"
CLIENT = "claims-proxy"
RESOURCE = "https://crm.contoso.com/"
NONCE = "n-0S6_WzA2Mj"
SID = "S-1-5-21-3623811015-3361044348-30300820-1013"

ID_CLAIMS = {
    "iss": ISSUER,
    "aud": CLIENT,
    "sub": "oaCQrz4iSlLkVS5qUxSFYuSK9cqnFDXy4eHzf0G1vqs=",
    "iat": int(NOW) - 10,
    "exp": int(NOW) + 3590,
    "auth_time": int(NOW) - 20,
    "nonce": NONCE,
    "upn": "alice@contoso.com",
}
ACCESS_CLAIMS = {
    "iss": ACCESS_TOKEN_ISSUER,
    "aud": RESOURCE,
    "iat": int(NOW) - 10,
    "exp": int(NOW) + 1790,
    "appid": CLIENT,
    "authmethod": "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport",
    "auth_time": "2026-09-21T14:12:40.000Z",
    "upn": "alice@contoso.com",
}


@cache
def rsa_key(bits=2048, nth=0):
    """An RSA key, made once; `nth` tells apart several of one size."""
    return rsa.generate_private_key(65537, bits)


@cache
def ec_key(curve="P-256"):
    curves = {"P-256": ec.SECP256R1, "P-384": ec.SECP384R1, "P-521": ec.SECP521R1, "secp256k1": ec.SECP256K1}
    return ec.generate_private_key(curves[curve]())


@cache
def ed25519_key():
    return ed25519.Ed25519PrivateKey.generate()


def jwk(private, **members):
    """The public JWK of a private key; a member set to None is taken out."""
    match private:
        case rsa.RSAPrivateKey():
            entry = jwt.algorithms.RSAAlgorithm.to_jwk(private.public_key(), as_dict=True)
        case ec.EllipticCurvePrivateKey():
            entry = jwt.algorithms.ECAlgorithm.to_jwk(private.public_key(), as_dict=True)
        case _:
            entry = jwt.algorithms.OKPAlgorithm.to_jwk(private.public_key(), as_dict=True)
    entry = {name: entry[name] for name in ("kty", "n", "e", "crv", "x", "y") if name in entry}
    entry |= {"kid": "one", "use": "sig"} | members
    return {name: value for name, value in entry.items() if value is not None}


def keys_of(*entries):
    return KeySet.from_jwks({"keys": list(entries)})


def part(value):
    """One part of a token: an object as JSON, text and bytes as they are."""
    if isinstance(value, str):
        value = value.encode()
    return encode_base64url(value if isinstance(value, bytes) else json.dumps(value).encode())


def sign(header, payload, private, algorithm="RS256"):
    """A compact JWS over any header and payload, signed with `algorithm` whatever the header says."""
    signed = f"{part(header)}.{part(payload)}"
    signature = jwt.get_algorithm_by_name(algorithm).sign(signed.encode(), private)
    return f"{signed}.{encode_base64url(signature)}"


def changed(claims, **changes):
    """Claims with some changed; one set to `...` is taken out."""
    return {name: value for name, value in (claims | changes).items() if value is not ...}


def id_token(header=(), **changes):
    """An id token that keeps every rule but for the changes; `header` adds members to alg, kid and typ."""
    return sign(
        changed({"alg": "RS256", "kid": "one", "typ": "JWT"}, **dict(header)), changed(ID_CLAIMS, **changes), rsa_key()
    )


def access_token(header=(), **changes):
    return sign(
        changed({"alg": "RS256", "kid": "one", "typ": "JWT"}, **dict(header)),
        changed(ACCESS_CLAIMS, **changes),
        rsa_key(),
    )
