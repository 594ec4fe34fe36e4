"""A browser's reading of a Location, as far as the host goes (WHATWG URL, section 4.4)."""

import re

BASE = "https://crm.contoso.com"


def where_a_browser_goes(location: str) -> str:
    """Return scheme and host that a browser makes of a Location on BASE."""
    text = re.sub(r"[\t\n\r]", "", location.strip("".join(map(chr, range(33)))))
    scheme = re.match(r"([A-Za-z][A-Za-z0-9+.-]*):", text)
    if scheme:
        if scheme[1].lower() not in ("http", "https"):
            return scheme[1].lower()
        rest = text[scheme.end() :]
        if scheme[1].lower() == "https" and rest[:1] not in ("/", "\\"):
            return BASE
        return f"{scheme[1].lower()}://{_host(rest)}"
    if re.match(r"[/\\]{2}", text):
        return f"https://{_host(text)}"
    return BASE


def _host(rest: str) -> str:
    return re.split(r"[/\\?#]", rest.lstrip("/\\"), maxsplit=1)[0].rpartition("@")[2]
