"""The rules of time in force for each organization."""

from collections.abc import Callable

import structlog

from proxy.model.deployment import Deployment
from proxy.model.organization import Organization
from proxy.model.settings import ADMINISTRATION_RULES, TimeRules
from proxy.policy.limits import time_rules
from proxy.settings.live import LiveSettings
from proxy.settings.values import Values, in_force

log = structlog.get_logger("settings")


def rules_of(deployment: Deployment, organization: Organization) -> TimeRules:
    """Return what a configuration, all its values in place, results in for one of its sites.

    No setting applies to the administrators' own host, so that whoever can change settings cannot loosen its limits.
    """
    if organization.is_administration:
        return ADMINISTRATION_RULES
    return time_rules(
        organization,
        deployment.server_settings,
        deployment.feature_control_bits,
        deployment.limits,
        deployment.counts,
    )


class CurrentRules:
    """Rules per organization, made when values change and looked up by name; findings are logged when they are made.

    `live`: values over the configuration's, None where the file alone counts. `close` lets go of them.
    """

    def __init__(self, deployment: Deployment, live: LiveSettings | None = None) -> None:
        self._deployment = deployment
        self._rules: dict[str, TimeRules] = {}
        self._take(live.values if live else {})
        self.close: Callable[[], None] = live.listen(self._take) if live else lambda: None

    def __call__(self, organization: Organization) -> TimeRules:
        """The rules in force for this organization."""
        return self._rules[organization.name]

    def _take(self, values: Values) -> None:
        deployment = in_force(self._deployment, values)
        rules = {site.name: rules_of(deployment, site) for site in deployment.sites}
        for name, made in rules.items():
            if made != self._rules.get(name):
                _tell(name, made)
        self._rules = rules


def _tell(organization: str, rules: TimeRules) -> None:
    for finding in rules.findings:
        log.warning(
            "setting_out_of_bounds",
            organization=organization,
            setting=finding.setting,
            value=finding.value,
            taken_as=finding.taken_as,
            bound=finding.bound,
        )
