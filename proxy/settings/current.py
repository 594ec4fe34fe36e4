"""The rules of time in force for each organization."""

import structlog

from proxy.model.deployment import Deployment
from proxy.model.organization import Organization
from proxy.model.settings import TimeRules
from proxy.policy.limits import time_rules

log = structlog.get_logger("settings")


class CurrentRules:
    """Rules per organization, computed once and looked up by name; findings are logged when they are made."""

    def __init__(self, deployment: Deployment) -> None:
        self._rules = {organization.name: _rules(deployment, organization) for organization in deployment.organizations}

    def __call__(self, organization: Organization) -> TimeRules:
        """The rules in force for this organization."""
        return self._rules[organization.name]


def _rules(deployment: Deployment, organization: Organization) -> TimeRules:
    rules = time_rules(
        organization,
        deployment.server_settings,
        deployment.feature_control_bits,
        deployment.limits,
        deployment.counts,
    )
    for finding in rules.findings:
        log.warning(
            "setting_out_of_bounds",
            organization=organization.name,
            setting=finding.setting,
            value=finding.value,
            taken_as=finding.taken_as,
            bound=finding.bound,
        )
    return rules
