"""Switches that custom timeouts need, and which of them are off for an organization.

Source: Microsoft, "Manage user sessions and access with security enhancements".
"""

from proxy.model.organization import Organization, OrganizationKind
from proxy.model.settings import FeatureControlBits, ServerSettings

PORTAL_SWITCHES = ServerSettings(allow_custom_session_duration=True, allow_custom_inactivity_duration=True)
"""A portal without server settings of its own: its system settings alone decide."""

SESSION_SWITCH, INACTIVITY_SWITCH = "AllowCustomSessionDuration", "AllowCustomInactivityDuration"
INACTIVITY_BIT = "FCB.UCIInactivityTimeout"


def switches_of(organization: Organization, server_settings: ServerSettings) -> ServerSettings:
    """Return the server's switches, or a portal's own: the server settings do not touch those."""
    if organization.kind is OrganizationKind.PORTAL:
        return organization.server_settings or PORTAL_SWITCHES
    return server_settings


def off_for_session(organization: Organization, server_settings: ServerSettings) -> tuple[str, ...]:
    """Return the names of the switches that are off and without which no custom session timeout takes effect."""
    on = switches_of(organization, server_settings).allow_custom_session_duration
    return () if on else (SESSION_SWITCH,)


def off_for_inactivity(
    organization: Organization, server_settings: ServerSettings, bits: FeatureControlBits
) -> tuple[str, ...]:
    """Return the names of the switches that are off and without which no inactivity timeout takes effect."""
    on = {
        INACTIVITY_SWITCH: switches_of(organization, server_settings).allow_custom_inactivity_duration,
        # The bit is the server's, too.
        INACTIVITY_BIT: bits.uci_inactivity_timeout or organization.kind is OrganizationKind.PORTAL,
    }
    return tuple(name for name, is_on in on.items() if not is_on)
