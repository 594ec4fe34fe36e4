"""Content-Security-Policy: what must be added so that the page's script runs and reaches its endpoints, nothing more.

Text in, text out. A directive that is not touched keeps its bytes. Source: Content Security Policy Level 3 (W3C).
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_SPACES = re.compile(r"[\t\n\f\r ]+")
_NONCE = re.compile(r"'nonce-([A-Za-z0-9+/_-]+={0,2})'", re.IGNORECASE)
_SCRIPT = ("script-src-elem", "script-src", "default-src")
_CONNECT = ("connect-src", "default-src")
_WANTED_OF_SANDBOX = frozenset({"allow-scripts", "allow-same-origin"})
_NONE, _SELF, _STRICT_DYNAMIC = "'none'", "'self'", "'strict-dynamic'"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the script needs, URLs of the page's origin. `scripts`: itself and its modules; `connections`: fetches."""

    scripts: tuple[str, ...]
    connections: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Admission:
    """Header values that admit the script. `nonce`: for its tag; `is_ours`: no page of the application knows it.

    `is_sandboxed`: the script cannot run, or is of no origin; the values are then as they were.
    """

    values: tuple[str, ...]
    nonce: str | None = None
    is_ours: bool = False
    is_sandboxed: bool = False


class _Policy:
    """One serialized policy. Of directives that come twice the first counts (section 2.2.1)."""

    def __init__(self, text: str) -> None:
        self._parts = text.split(";")

    def __str__(self) -> str:
        return ";".join(self._parts)

    def sources(self, names: Sequence[str]) -> list[str] | None:
        """The sources of the first of these directives that is there; None: there is none."""
        found = self._find(names)
        return None if found is None else found[1]

    def add(self, names: Sequence[str], added: Iterable[str], copied: Sequence[str] | None = None) -> None:
        """Add sources to the first of these directives that is there.

        The last, the fallback of others too, stays: a directive of the first name that repeats it, or `copied` of it,
        takes its place for what it is about.
        """
        found = self._find(names)
        if found is None:
            return
        place, sources = found
        name = self._name(place)
        if name == names[-1]:
            kept = sources if copied is None else copied
            directive = " ".join([names[0], *(kept if not _is_none(sources) else ()), *added])
            if self._parts[-1].strip():
                self._parts.append(f" {directive}")
            else:
                self._parts[-1] = f" {directive}"
        elif _is_none(sources):
            text = self._parts[place]
            blanks = text[: len(text) - len(text.lstrip("\t\n\f\r "))]
            self._parts[place] = blanks + " ".join([name, *added])
        else:
            self._parts[place] = " ".join([self._parts[place].rstrip("\t\n\f\r "), *added])

    def _name(self, place: int) -> str:
        return self._words(place)[0].lower()

    def _words(self, place: int) -> list[str]:
        return [word for word in _SPACES.split(self._parts[place]) if word]

    def _find(self, names: Sequence[str]) -> tuple[int, list[str]] | None:
        for name in names:
            for place in range(len(self._parts)):
                words = self._words(place)
                if words and words[0].lower() == name:
                    return place, words[1:]
        return None


def admit(values: Sequence[str], wanted: Wanted, own_nonce: str) -> Admission:
    """The values of all `Content-Security-Policy` lines of one answer, each a list of policies, with the script let in.

    Every policy must let it in. A tag has one nonce: the page's, where every policy that goes by nonces alone
    (`strict-dynamic`) knows the same, else ours.
    """
    lines = [[_Policy(text) for text in value.split(",")] for value in values]
    policies = [policy for line in lines for policy in line]
    if any(_is_sandboxed(policy) for policy in policies):
        return Admission(tuple(values), is_sandboxed=True)
    nonce = _nonce_for(policies, own_nonce)
    for policy in policies:
        _admit_scripts(policy, wanted.scripts, nonce)
        _admit_connections(policy, wanted.connections)
    return Admission(tuple(",".join(map(str, line)) for line in lines), nonce, nonce == own_nonce)


def admit_later(text: str, wanted: Wanted) -> str:
    """A policy of a `meta`: it is for what comes after it, which the script's modules and connections do."""
    policy = _Policy(text)
    sources = policy.sources(_SCRIPT)
    # Under `strict-dynamic` a script that runs may import whatever it wants to.
    if sources is not None and not _is_strict(sources):
        _admit_scripts(policy, wanted.scripts, None)
    _admit_connections(policy, wanted.connections)
    return str(policy)


def _is_sandboxed(policy: _Policy) -> bool:
    flags = policy.sources(("sandbox",))
    return flags is not None and not {flag.lower() for flag in flags} >= _WANTED_OF_SANDBOX


def _nonce_for(policies: Iterable[_Policy], own: str) -> str | None:
    listed = [sources for policy in policies if (sources := policy.sources(_SCRIPT)) is not None]
    strict = [_nonces(sources) for sources in listed if _is_strict(sources)]
    if not strict:
        return next((nonce for sources in listed for nonce in _nonces(sources)), None)
    return next((nonce for nonce in strict[0] if all(nonce in others for others in strict)), own)


def _admit_scripts(policy: _Policy, urls: Sequence[str], nonce: str | None) -> None:
    sources = policy.sources(_SCRIPT)
    # The tag's nonce goes on to what the script imports (HTML, «script fetch options»), as its trust does.
    if sources is None or (nonce is not None and nonce in _nonces(sources)):
        return
    if _is_strict(sources):
        policy.add(_SCRIPT, [f"'nonce-{nonce}'"])
    elif missing := [url for url in urls if not _matches(sources, url)]:
        policy.add(_SCRIPT, missing)


def _admit_connections(policy: _Policy, urls: Sequence[str]) -> None:
    sources = policy.sources(_CONNECT)
    if sources is None:
        return
    missing = [url for url in urls if not _matches(sources, url)]
    if missing:
        # Nonces, hashes and the like mean nothing to a connection.
        copied = [source for source in sources if not source.startswith("'") or source.lower() == _SELF]
        policy.add(_CONNECT, missing, copied)


def _matches(sources: Sequence[str], url: str) -> bool:
    """Whether a list lets a URL of the page's own origin in, as far as that can be told at a glance (6.7.2.8)."""
    lowered = {source.lower() for source in sources}
    scheme = url.partition(":")[0]
    return not lowered.isdisjoint({"*", _SELF, f"{scheme}:", "http:"}) or url in sources


def _nonces(sources: Iterable[str]) -> list[str]:
    return [found[1] for source in sources if (found := _NONCE.fullmatch(source))]


def _is_strict(sources: Iterable[str]) -> bool:
    return any(source.lower() == _STRICT_DYNAMIC for source in sources)


def _is_none(sources: Sequence[str]) -> bool:
    return not sources or [source.lower() for source in sources] == [_NONE]
