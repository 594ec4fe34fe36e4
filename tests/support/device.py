"""A browser's side of Device Bound Session Credentials, as Chromium 156 speaks it: keys, proofs, requests."""

import json
import re
from base64 import urlsafe_b64encode

from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256


def b64(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


class Device:
    """A key that does not leave it. `bits`: an RSA key of that length instead."""

    def __init__(self, *, bits: int | None = None) -> None:
        self._key = rsa.generate_private_key(65537, bits) if bits else ec.generate_private_key(ec.SECP256R1())
        self.algorithm = "RS256" if bits else "ES256"
        self.session = ""
        self.refresh_url = ""

    @property
    def jwk(self) -> dict[str, str]:
        numbers = self._key.public_key().public_numbers()
        if isinstance(numbers, rsa.RSAPublicNumbers):
            parts = {"n": numbers.n.to_bytes((numbers.n.bit_length() + 7) // 8, "big"), "e": b"\x01\x00\x01"}
            return {"kty": "RSA", **{name: b64(part) for name, part in parts.items()}}
        parts = {"x": numbers.x.to_bytes(32, "big"), "y": numbers.y.to_bytes(32, "big")}
        return {"kty": "EC", "crv": "P-256", **{name: b64(part) for name, part in parts.items()}}

    def proof(self, challenge: str, *, brings_key: bool = False, header=None, claims=None) -> str:
        """A `dbsc+jwt`; `header` and `claims` add members or replace them, None takes one away."""
        head = {"alg": self.algorithm, "typ": "dbsc+jwt"} | ({"jwk": self.jwk} if brings_key else {}) | (header or {})
        parts = ({"jti": challenge} | (claims or {}), head)
        body, head = ({name: value for name, value in part.items() if value is not None} for part in parts)
        signed = f"{b64(json.dumps(head).encode())}.{b64(json.dumps(body).encode())}"
        return f"{signed}.{b64(self._sign(signed.encode()))}"

    def _sign(self, data: bytes) -> bytes:
        if isinstance(self._key, rsa.RSAPrivateKey):
            return self._key.sign(data, padding.PKCS1v15(), SHA256())
        r, s = decode_dss_signature(self._key.sign(data, ec.ECDSA(SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    async def register(self, browser, **proof):
        """Do as the invitation of the browser's last sign-in says; the answer."""
        [header] = [hop.headers[INVITATION] for hop in browser.hops[-3:] if INVITATION in hop.headers]
        path, challenge = re.fullmatch(r'\(ES256 RS256\);path="([^"]+)";challenge="([^"]+)"', header).groups()
        sent = {"Secure-Session-Response": self.proof(challenge, brings_key=True, **proof)}
        answer = await browser.fetch(browser.page.url.with_path(path), "POST", headers=sent)
        if answer.status == 200:
            self.session, self.refresh_url = answer.json()["session_identifier"], answer.json()["refresh_url"]
        return answer

    async def refresh(self, browser, proof: str | None = None):
        """One request to refresh; the answer."""
        sent = {"Sec-Secure-Session-Id": f'"{self.session}"'}
        if proof is not None:
            sent["Secure-Session-Response"] = f'"{proof}"'
        return await browser.fetch(browser.page.url.with_path(self.refresh_url), "POST", headers=sent)

    async def prove(self, browser):
        """A whole refresh: asked for a challenge, answered with a proof."""
        return await self.refresh(browser, self.proof(challenge_in(await self.refresh(browser))))


INVITATION = "Secure-Session-Registration"


def challenge_in(answer) -> str:
    assert answer.status == 403, answer.text
    return re.match(r'"([^"]+)";id="[^"]+"', answer.headers["Secure-Session-Challenge"])[1]
