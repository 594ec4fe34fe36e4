"""PowerShell cannot run here: each cmdlet and parameter is one that Microsoft's pages name.

Sources: learn.microsoft.com/powershell/module/adfs/<cmdlet> and …/module/netsecurity/new-netfirewallrule, of Windows
Server 2022; the parameters of AD FS's are the same on 2016 and 2019.
"""

import re

import pytest

from support.documents import blocks

CMDLETS = {
    "New-AdfsApplicationGroup": {"Name", "ApplicationGroupIdentifier", "Description", "Disabled"},
    "Add-AdfsServerApplication": {
        "ApplicationGroupIdentifier",
        "Name",
        "Identifier",
        "RedirectUri",
        "Description",
        "GenerateClientSecret",
        "LogoutUri",
    },
    "Add-AdfsWebApiApplication": {
        "ApplicationGroupIdentifier",
        "Name",
        "Identifier",
        "AccessControlPolicyName",
        "IssuanceTransformRules",
        "TokenLifetime",
    },
    "Grant-AdfsApplicationPermission": {"ClientRoleIdentifier", "ServerRoleIdentifier", "ScopeNames"},
    "Set-AdfsWebApiApplication": {"TargetIdentifier", "TokenLifetime", "IssuanceTransformRules", "Identifier"},
    "Set-AdfsServerApplication": {"TargetIdentifier", "RedirectUri", "ResetClientSecret", "LogoutUri"},
    "Get-AdfsServerApplication": {"ApplicationGroupIdentifier", "Identifier", "Name"},
    "Get-AdfsWebApiApplication": {"ApplicationGroupIdentifier", "Identifier", "Name"},
    "Get-AdfsApplicationPermission": {"Identifiers", "ClientRoleIdentifiers", "ServerRoleIdentifiers"},
    "Get-AdfsProperties": set(),
    "Add-AdfsRelyingPartyTrust": {
        *("Name", "Identifier", "MetadataUrl", "WSFedEndpoint", "EncryptionCertificate", "IssuanceTransformRules"),
        *("AccessControlPolicyName", "MonitoringEnabled", "AutoUpdateEnabled", "TokenLifetime"),
    },
    "Set-AdfsRelyingPartyTrust": {"TargetName", "TokenLifetime", "AdditionalWSFedEndpoint", "EncryptClaims"},
    "Update-AdfsRelyingPartyTrust": {"TargetName"},
    "New-NetFirewallRule": {
        "DisplayName",
        "Direction",
        "Protocol",
        "LocalPort",
        "RemoteAddress",
        "Action",
    },
}
"""Parameters that the pages name, as far as documents may need them."""
RULE = re.compile(
    r'(@RuleName = "[^"]+"\s+)'
    r'c:\[Type == "https?://[^"]+"(, Issuer == "AD AUTHORITY")?\]\s+=> issue\('
    r"(claim = c"
    r'|Type = "https?://[^"]+", Value = c\.Value'
    r'|store = "Active Directory", types = \("https?://[^"]+"\), query = ";\w+;\{0\}", param = c\.Value'
    r")\);\s*"
)


def without_text(text: str) -> str:
    """Here-strings and quoted texts hold no parameters."""
    return re.sub(r"'[^'\n]*'", "''", re.sub(r"@'\n.*?\n'@", "''", text, flags=re.DOTALL))


@pytest.mark.parametrize("block", blocks("powershell"), ids=str)
def test_each_cmdlet_and_parameter_exists(block):
    lines = [line for line in without_text(block.text).splitlines() if re.match(r"[A-Z][a-z]+-\w+", line)]
    for line in lines:
        cmdlet, *_ = line.split()
        assert cmdlet in CMDLETS, line
        assert set(re.findall(r" -([A-Za-z]+)", line)) <= CMDLETS[cmdlet], line


@pytest.mark.parametrize("block", blocks("powershell"), ids=str)
def test_each_variable_is_set_before_it_is_used(block):
    earlier = [other for other in blocks("powershell") if other.document == block.document and other.line < block.line]
    known = {name for other in (*earlier, block) for name in re.findall(r"^\$(\w+) =", other.text, re.MULTILINE)}
    assert set(re.findall(r"\$(\w+)", without_text(block.text))) <= known | {"true", "false"}


def test_the_rules_are_in_the_claim_rule_language():
    found = [
        rules for block in blocks("powershell") for rules in re.findall(r"@'\n(.*?)\n'@", block.text, flags=re.DOTALL)
    ]
    assert found
    for rules in found:
        assert RULE.sub("", rules) == ""


def test_another_parameter_would_be_noticed():
    assert "LogonUri" not in CMDLETS["Add-AdfsServerApplication"]
    assert RULE.sub("", '@RuleName = "UPN"\nc:[Type == "http://x"] => issue(claim = d);') != ""
