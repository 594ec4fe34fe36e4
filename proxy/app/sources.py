"""The files that a configuration came from and names, watched by looking: that works on every file system."""

from collections.abc import Iterable
from pathlib import Path
from typing import TypeAlias

from proxy.model.deployment import Deployment

_Look: TypeAlias = dict[str, tuple[int, int, int] | None]


def files_of(deployment: Deployment) -> frozenset[str]:
    """The YAML, the files that fill in its values, and those of certificates, keys and metadata that it names."""
    tls = [deployment.listen.tls, *(organization.upstream_tls for organization in deployment.organizations)]
    named = [file for each in tls if each for file in (each.certificate, each.key)]
    for provider in deployment.identity_providers:
        named += provider.decryption_keys
        if provider.metadata and "://" not in provider.metadata:
            named.append(provider.metadata)
    return frozenset(file for file in (*deployment.files, deployment.ca_file, *named) if file)


class Sources:
    """Says when files have changed and are quiet again, so that a certificate and its key are read together."""

    def __init__(self, files: Iterable[str]) -> None:
        self._files = frozenset(files)
        self._settled = self._seen = _look(self._files)

    def watch(self, files: Iterable[str]) -> None:
        """Watch these from now on; what has changed in those watched before counts as known."""
        self._files = frozenset(files)
        self._settled = self._seen = _look(self._files)

    def changed(self) -> tuple[str, ...]:
        """Look once. The files that differ from the last settled look, told once and only when two looks agree."""
        seen = _look(self._files)
        quiet, self._seen = seen == self._seen, seen
        if not quiet or seen == self._settled:
            return ()
        changed = tuple(sorted(file for file in self._files if seen[file] != self._settled[file]))
        self._settled = seen
        return changed


def _look(files: Iterable[str]) -> _Look:
    return {file: _signature(Path(file)) for file in files}


def _signature(file: Path) -> tuple[int, int, int] | None:
    try:
        stat = file.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino
