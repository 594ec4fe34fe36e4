"""What WS-Federation has at an application's own address: answers, sign-outs and metadata come to CRM's root."""

from typing import Final

from proxy.model.organization import Organization

METADATA_PATH: Final = "/FederationMetadata/2007-06/FederationMetadata.xml"
_CLEANUP: Final = "wsignoutcleanup1.0"


def may_be_sign_in(organization: Organization, method: str, path: str, target: str) -> bool:
    """Whether a request must be looked at as WS-Federation before it is judged as the application's own.

    A POST to the organization's root (it may carry a token), a sign-out of the provider there, and our metadata where
    they are published. `path` and `target` are raw.
    """
    if not organization.has_sign_in_at_root:
        return False
    if organization.publishes_metadata and path == METADATA_PATH:
        return True
    if path != f"{organization.path}/":
        return False
    return method == "POST" or is_cleanup(target)


def is_cleanup(target: str) -> bool:
    """Whether a raw target says `wa=wsignoutcleanup1.0` (WS-Federation 1.2, section 13.2.4)."""
    return f"wa={_CLEANUP}" in target.partition("?")[2].split("&")
