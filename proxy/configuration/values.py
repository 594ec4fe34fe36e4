"""Values with a form of their own: each checked where it is read, each fault in words."""

import re
from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated, Any, Literal
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, WithJsonSchema

from proxy.configuration.words import fault
from proxy.model.binding import NetworkPrefixes
from proxy.model.provider import SIGNATURE_ALGORITHMS, SecretText

_ADDRESS = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^:\s]+):([0-9]{1,5})\Z")
_HOST = re.compile(r"(?:[a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}\Z|\[[0-9a-f:.]+\]\Z")
_PATH = re.compile(r"(?:/[A-Za-z0-9_~.-]+)+\Z")
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+\Z")
_PREFIXES = re.compile(r"/([0-9]{1,2}) *, */([0-9]{1,3})\Z")
_HIGHEST_PORT = 65535
_IPV4_BITS, _IPV6_BITS = 32, 128
_STATES = ("memory:", "redis://", "rediss://", "redis+sentinel://", "redis+cluster://")

_SWITCH = ("off", "on")

# Set by one side for the other on one connection only, or read by us: a claim there would break the request or us.
_TAKEN_HEADERS = frozenset(
    {
        *("connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer"),
        *(
            "transfer-encoding",
            "upgrade",
            "host",
            "cookie",
            "authorization",
            "content-length",
            "content-type",
            "expect",
        ),
        *("expect", "forwarded", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"),
    }
)


def _address(value: str) -> str:
    found = _ADDRESS.match(value)
    if not found or int(found[2]) > _HIGHEST_PORT:
        raise fault("is no address", "write host:port, such as 0.0.0.0:8443")
    return value


def split_address(value: str) -> tuple[str, int]:
    """`host:port` apart, brackets of IPv6 taken off."""
    host, _, port = value.rpartition(":")
    return host.strip("[]"), int(port)


def _host(value: str) -> str:
    host = value.lower().rstrip(".")
    if not _HOST.match(host):
        raise fault("is no host name", "write the name alone, without scheme, port and path: crm.contoso.com")
    return host


def _authority(value: str) -> str:
    name, colon, port = value.rpartition(":") if re.search(r":[0-9]+\Z", value) else (value, "", "")
    if colon and not 0 < int(port) <= _HIGHEST_PORT:
        raise fault("is no host name", "write the name, with its port where it is not 443: auth.contoso.com:444")
    return f"{_host(name)}{colon}{port}"


def _path(value: str) -> str:
    if not _PATH.match(value) or any(part in {".", ".."} for part in value.split("/")):
        raise fault("is no path prefix", "write one such as /contoso, without a slash at its end")
    return value


def _rooted(value: str) -> str:
    if not value.startswith("/"):
        raise fault("does not begin with a slash", "write a path such as /public")
    return value


def _switch(value: Any) -> Any:
    # on and off are booleans to some readers of YAML (1.1) and words to others (1.2).
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, str) and value.lower() in _SWITCH:
        return value.lower()
    raise fault("is neither on nor off", "write on or off")


def split_url(value: str) -> SplitResult | None:
    """The parts of an http or https URL, None where it is none."""
    try:
        parts = urlsplit(value)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return None
    return parts if usable and not parts.username and not re.search(r"\s", value) else None


def _url(value: str) -> str:
    if split_url(value) is None:
        raise fault("is no http or https URL", "write one such as https://adfs.contoso.com/adfs")
    return value


def _origin(value: str) -> str:
    parts = split_url(value)
    if parts is None or parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise fault("is no upstream", "write scheme, host and port alone, such as http://crm.internal:5555")
    return value.rstrip("/")


def _state(value: str) -> str:
    if value == "memory":
        return "memory:"
    if not value.startswith(_STATES):
        raise fault("is no store", "write memory: or redis://host:port/0 or rediss://…")
    if not value.startswith("memory:") and not _is_whole_address(value):
        # What cannot be taken apart may hold a password anywhere, so nothing of it is shown, here or later.
        right = "percent-encode user and password (# as %23, ? as %3F, / as %2F, @ as %40), and write nothing after /0"
        raise fault("is no address of a store", right)
    return value


def _is_whole_address(value: str) -> bool:
    try:
        parts = urlsplit(value)
        usable = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False
    return usable and parts.netloc.count("@") <= 1 and not re.search(r"[?#\s]", value)


def _network(value: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(value)
    except ValueError:
        raise fault("is no network", "write an address or a network such as 10.1.2.0/24") from None


def _prefixes(value: str) -> str:
    found = _PREFIXES.match(value)
    if not found or not (0 < int(found[1]) <= _IPV4_BITS and 0 < int(found[2]) <= _IPV6_BITS):
        raise fault("is no pair of prefix lengths", "write IPv4's and IPv6's, such as /24,/56")
    return value


def _header(value: str) -> str:
    if not _HEADER.match(value):
        raise fault("is no header name", "write one such as X-Claims-Department")
    if value.lower() in _TAKEN_HEADERS:
        raise fault(f"{value} may not carry a claim", "write a name of your own, such as X-Claims-Department")
    return value


def _algorithm(value: str) -> str:
    if value not in SIGNATURE_ALGORITHMS:
        raise fault("is not a supported signature algorithm", f"write one or more of {', '.join(SIGNATURE_ALGORITHMS)}")
    return value


def _audience(value: str) -> str:
    # It is written into the 401's WWW-Authenticate, whose pairs are parted by commas.
    if not re.fullmatch(r"[!#-+\--~]+", value):
        raise fault("is not an identifier of an application", "write one such as https://crm.contoso.com/")
    return value


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Address = Annotated[str, AfterValidator(_address)]
HostName = Annotated[str, AfterValidator(_host)]
Switch = Annotated[Literal["off", "on"], BeforeValidator(_switch), WithJsonSchema({"enum": ["off", "on", False, True]})]
Authority = Annotated[str, AfterValidator(_authority)]
PathPrefix = Annotated[str, AfterValidator(_path)]
RootedPath = Annotated[str, AfterValidator(_rooted)]
Url = Annotated[str, AfterValidator(_url)]
UpstreamOrigin = Annotated[str, AfterValidator(_origin)]
UpstreamOrigins = Annotated[
    list[UpstreamOrigin],
    BeforeValidator(_listed, json_schema_input_type=str | list[str]),
    Field(min_length=1),
]
StateUrl = Annotated[str, AfterValidator(_state)]
NetworkText = Annotated[str, AfterValidator(lambda value: str(_network(value)))]
HeaderName = Annotated[str, AfterValidator(_header)]
_ONE_OR_MORE = str | list[str]
Texts = Annotated[list[str], BeforeValidator(_listed, json_schema_input_type=_ONE_OR_MORE)]
SignatureAlgorithms = Annotated[
    list[Annotated[str, AfterValidator(_algorithm)]],
    BeforeValidator(_listed, json_schema_input_type=_ONE_OR_MORE),
]
Audiences = Annotated[
    list[Annotated[str, AfterValidator(_audience)]],
    BeforeValidator(_listed, json_schema_input_type=_ONE_OR_MORE),
    Field(min_length=1),
]
SecretTexts = Annotated[
    list[SecretStr], BeforeValidator(_listed, json_schema_input_type=_ONE_OR_MORE), Field(min_length=1)
]


NetworkPrefixText = Annotated[str, AfterValidator(_prefixes)]


def network_prefixes(value: str) -> NetworkPrefixes:
    """A checked text as prefix lengths."""
    v4, v6 = (int(part.strip().lstrip("/")) for part in value.split(","))
    return NetworkPrefixes(v4, v6)


def secret(value: SecretStr) -> SecretText:
    """A secret of the YAML as one of the model."""
    return SecretText(value.get_secret_value())


def networks(values: Sequence[str]) -> tuple[IPv4Network | IPv6Network, ...]:
    """Checked texts as networks."""
    return tuple(ip_network(value) for value in values)
