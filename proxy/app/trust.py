"""TLS towards others: whom we trust, and who we say we are."""

import ssl
from hashlib import sha256
from pathlib import Path

from proxy.errors import CannotStart
from proxy.model.organization import UpstreamTls


class Trust:
    """Contexts by what their files say, so that equal files mean the same context and unequal ones another."""

    def __init__(self) -> None:
        self._contexts: dict[bytes, ssl.SSLContext] = {}

    def towards(self, ca_file: str | None, tls: UpstreamTls | None = None) -> ssl.SSLContext:
        """The system's authorities and those of `ca_file`, with the client certificate where one is set.

        Raises CannotStart where a file cannot be used.
        """
        client = (tls.certificate, tls.key) if tls else (None, None)
        named = [("ca_file", ca_file), ("upstream_tls.certificate", client[0]), ("upstream_tls.key", client[1])]
        said = sha256(b"\0".join(_digest(key, file) for key, file in named)).digest()
        if said not in self._contexts:
            self._contexts[said] = _context(ca_file, *client)
        return self._contexts[said]


def _digest(key: str, file: str | None) -> bytes:
    if file is None:
        return b"-"
    try:
        return sha256(Path(file).read_bytes()).digest()
    except OSError as error:
        raise CannotStart(f"{key}: {file} cannot be used: {error}; name a PEM file that this user can read") from error


def _context(ca_file: str | None, certificate: str | None, key: str | None) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca_file:
        try:
            context.load_verify_locations(cafile=ca_file)
        except OSError as error:
            raise CannotStart(f"ca_file: {ca_file} cannot be used: {error}; name a PEM file of certificates") from error
    if certificate:
        try:
            context.load_cert_chain(certificate, key, password=_no_password)
        except (OSError, ValueError) as error:
            wrong = f"upstream_tls: {certificate} and {key} cannot be used: {error}"
            raise CannotStart(f"{wrong}; name PEM files of a certificate and its key, without a password") from error
    return context


def _no_password() -> str:
    # Without this OpenSSL would ask at the terminal, and the proxy would wait there.
    raise ValueError("the key is encrypted")
