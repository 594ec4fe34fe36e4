"""Every error of ours, as one tree.

```
ClaimsProxyError
├── ConfigurationError        the YAML is at fault; carries every fault found
├── CannotStart               what the YAML names cannot be used on this machine
│   └── CannotReload          it can, but not by a proxy that runs already
├── StoreUnavailable          the store cannot tell: neither yes nor no
├── SealBroken                a sealed value is foreign, altered or sealed under a secret we no longer have
├── RequestRefused            the request itself is ambiguous or out of bounds
├── TokenRefused              a token breaks a rule; the reason names the rule
├── ProviderError
│   ├── ProviderUnavailable   the provider did not answer, or not in time
│   │   └── VerificationBusy  too many tokens wait to be verified; the provider itself may be healthy
│   └── ProviderMisconfigured the provider answered what its metadata or the standard rules out
├── SignInRefused             a sign-in came back and may not be completed
├── SettingsError             a change of settings that is not made; nothing has changed
│   ├── SettingUnknown        there is no such setting, organization, value or revision
│   ├── SettingsInvalid       values out of their bounds; carries every one
│   ├── SettingsConflict      somebody else changed them meanwhile
│   └── SettingsReadOnly      they are those of the configuration file
├── RefreshRefused            the provider gives a session no further life
└── UpstreamError
    ├── UpstreamUnreachable   no connection: nothing was sent
    ├── UpstreamTimeout       connected, but no (further) byte in time
    ├── UpstreamBroken        the answer broke the protocol, or the connection broke
    └── UpstreamBusy          the bound of connections is reached and the queue is full
```
What a stranger may read is chosen by the page that shows it, from `reason`; `str(error)` is for the log alone.
Absent and expired are answers, not errors: see `model.session.SessionLookup`.
"""

from dataclasses import dataclass


class ClaimsProxyError(Exception):
    """The root of the tree."""


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One fault of the configuration, printed as `file:line:column: key: what is wrong; what would be right`."""

    file: str
    line: int
    column: int
    key: str
    wrong: str
    right: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.key}: {self.wrong}; {self.right}"

    def as_warning(self) -> str:
        """Return the line for something that can be run, but that misleads its reader."""
        return f"{self.file}:{self.line}:{self.column}: warning: {self.key}: {self.wrong}; {self.right}"


class ConfigurationError(ClaimsProxyError):
    """The configuration cannot be used; `faults` has every one that was found, in the file's order."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__("\n".join(str(fault) for fault in faults))
        self.faults = faults


class CannotStart(ClaimsProxyError):
    """What the configuration names cannot be used on this machine; the text says what, why and what would do."""


class CannotReload(CannotStart):
    """A good configuration that a running proxy cannot take: the text names the keys that need a restart."""


class StoreUnavailable(ClaimsProxyError):
    """The store did not answer, or not usably. Never to be read as «no such session»."""


class SealBroken(ClaimsProxyError):
    """A sealed value does not open under any secret of ours with this context."""


class RequestRefused(ClaimsProxyError):
    """A request that no rule may see because two readers could understand it differently.

    `status` is the HTTP status to answer, `reason` a stable snake_case word for logs and metrics.
    """

    def __init__(self, status: int, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.status = status
        self.reason = reason


class TokenRefused(ClaimsProxyError):
    """A token breaks a rule. `reason` is a stable snake_case word (`audience`, `expired`, `signature`, …)."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason


class ProviderError(ClaimsProxyError):
    """The identity provider is at fault."""


class ProviderUnavailable(ProviderError):
    """The identity provider did not answer, or not in time. Trying again later may help."""


class VerificationBusy(ProviderUnavailable):
    """A token cannot be verified now: too many others wait, or it took too long. Trying again later may help."""


class ProviderMisconfigured(ProviderError):
    """The identity provider answered something that its metadata, ours or the standard rules out."""


class SignInRefused(ClaimsProxyError):
    """A sign-in that came back may not be completed.

    `reason` is a stable snake_case word (`state_unknown`, `other_browser`, `provider_refused`, `credentials_owed`, …).
    `principal`: whom a verified token named, for the audit; empty where none did.
    """

    def __init__(self, reason: str, detail: str = "", *, principal: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.principal = principal


@dataclass(frozen=True, slots=True)
class SettingProblem:
    """One value out of its bounds. `bound`: what would be right. `around`: the values that it hangs together with."""

    organization: str
    setting: str
    value: int | None
    bound: str
    around: str

    def __str__(self) -> str:
        found = "is missing" if self.value is None else f"{self.value} is out of bounds"
        return f"{self.organization}: {self.setting}: {found}; write {self.bound}. It would be: {self.around}"


class SettingsError(ClaimsProxyError):
    """A change of settings that is not made. Nothing has changed; the text may be shown to administrators."""


class SettingUnknown(SettingsError):
    """There is no such setting, organization, value or revision; the text names what there is."""


class SettingsInvalid(SettingsError):
    """Values out of their bounds; `problems` has every one."""

    def __init__(self, problems: tuple[SettingProblem, ...]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


class SettingsConflict(SettingsError):
    """Somebody else changed the same settings since they were looked at; the text says who and what."""


class SettingsReadOnly(SettingsError):
    """`settings.source` is `yaml`: the configuration file alone says what is in force."""


class RefreshRefused(ClaimsProxyError):
    """The provider gives a session no further life, or to somebody else; `rule` names why in a stable word."""

    def __init__(self, rule: str, detail: str = "") -> None:
        super().__init__(f"{rule}: {detail}" if detail else rule)
        self.rule = rule


class UpstreamError(ClaimsProxyError):
    """The application server is at fault. The session is untouched by it."""


class UpstreamUnreachable(UpstreamError):
    """No connection could be made; nothing of the request was sent."""


class UpstreamTimeout(UpstreamError):
    """Connected, but the first or a further byte did not come in time."""


class UpstreamBroken(UpstreamError):
    """The answer broke HTTP, or the connection broke before the answer was whole."""


class UpstreamBusy(UpstreamError):
    """All connections allowed to this upstream are in use and the queue is full."""
