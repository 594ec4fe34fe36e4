"""559 payloads that made other programs redirect off their host, under a browser's reading of a Location."""

from pathlib import Path
from urllib.parse import unquote, unquote_plus

import pytest

from proxy.policy.return_url import safe_return
from support.whatwg import BASE, where_a_browser_goes


@pytest.mark.parametrize(
    ("location", "goes"),
    [
        ("/main.aspx", BASE),
        ("main.aspx", BASE),
        ("//evil.com/a", "https://evil.com"),
        ("/\\evil.com", "https://evil.com"),
        ("/\t/evil.com", "https://evil.com"),
        ("\x01//evil.com", "https://evil.com"),
        ("https:\\\\ok@evil.com", "https://evil.com"),
        ("http:evil.com", "http://evil.com"),
        ("JavaScript:alert(1)", "javascript"),
    ],
)
def test_the_reading_itself_knows_what_leaves_the_host(location, goes):
    assert where_a_browser_goes(location) == goes


@pytest.fixture(scope="session")
def payloads(shared_folder: Path) -> list[str]:
    lines = (shared_folder / "fixtures" / "open-redirects.txt").read_text(encoding="utf-8").split("\n")
    return [line for line in lines if line]


def spellings(payload: str):
    """A payload as a return parameter may carry it: as it stands, decoded once and twice, behind a slash."""
    for text in (payload, unquote(payload), unquote_plus(payload), unquote(unquote(payload))):
        yield text
        yield f"/{text}"


def test_the_payloads_are_all_there_and_many_would_leave_the_host(payloads):
    assert len(payloads) >= 558
    leaving = [text for payload in payloads for text in spellings(payload) if where_a_browser_goes(text) != BASE]
    assert len(leaving) > 2 * len(payloads)


def test_no_payload_makes_a_location_off_the_host(payloads):
    for payload in payloads:
        for text in spellings(payload):
            location = safe_return(text)
            assert where_a_browser_goes(location) == BASE, text
            assert location in ("/", text)


def test_no_payload_leaves_the_host_when_somebody_decodes_it_once_more(payloads):
    for payload in payloads:
        for text in spellings(payload):
            location = safe_return(text)
            assert where_a_browser_goes(unquote(location)) == BASE, text
            assert where_a_browser_goes(unquote(unquote(location))) == BASE, text


def test_a_payload_inside_a_query_survives_as_the_application_s_own(payloads):
    for payload in payloads:
        if payload.isascii() and payload.isprintable() and not set(payload) & set(" #"):
            target = f"/main.aspx?return={payload}"
            assert safe_return(target) == target
