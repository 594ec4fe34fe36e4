"""What a page loads of ours, through the listener of a whole proxy."""

import pytest
from aiohttp.test_utils import make_mocked_request

from proxy.browser.assets import Assets
from proxy.model.organization import Organization
from support.browser import Browser
from support.world import World

TYPES = {
    "session-watch.js": "text/javascript; charset=utf-8",
    "session-screens.js": "text/javascript; charset=utf-8",
    "session-hints.js": "text/javascript; charset=utf-8",
    "texts/de.json": "application/json; charset=utf-8",
}


@pytest.fixture
async def visited(tmp_path, clock, signing_key):
    """A world and a browser that nobody is signed in with."""
    async with World(tmp_path, clock, signing_key=signing_key) as world, Browser() as browser:

        async def fetch(path, **keys):
            return (await browser.fetch(world.url(f"/.claims/{path}"), **keys)).last

        yield fetch


@pytest.mark.parametrize(("path", "content_type"), TYPES.items())
async def test_each_asset_is_there_for_anyone_as_what_it_is(visited, path, content_type):
    answer = await visited(path)
    assert (answer.status, answer.headers["Content-Type"]) == (200, content_type)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("path", TYPES)
async def test_a_copy_is_used_briefly_and_then_asked_for_by_its_etag(visited, path):
    first = await visited(path)
    assert first.headers["Cache-Control"] == "public, max-age=300"
    again = await visited(path, headers={"If-None-Match": f'"other", {first.headers["ETag"]}'})
    assert (again.status, again.text, again.headers["ETag"]) == (304, "", first.headers["ETag"])
    other = await visited(path, headers={"If-None-Match": '"other"'})
    assert (other.status, other.text) == (200, first.text)


@pytest.mark.parametrize("path", TYPES)
async def test_it_comes_compressed_where_that_is_taken_as_another_representation(visited, path):
    zipped = await visited(path, headers={"Accept-Encoding": "br, gzip"})
    plain = await visited(path, headers={"Accept-Encoding": "gzip;q=0"})
    assert (zipped.headers["Content-Encoding"], plain.headers.get("Content-Encoding")) == ("gzip", None)
    assert int(zipped.headers["Content-Length"]) < int(plain.headers["Content-Length"])
    assert zipped.text == plain.text
    assert zipped.headers["Vary"] == plain.headers["Vary"] == "Accept-Encoding"
    tags = {"If-None-Match": zipped.headers["ETag"]}
    assert (await visited(path, headers=tags | {"Accept-Encoding": "gzip"})).status == 304
    assert (await visited(path, headers=tags | {"Accept-Encoding": "identity"})).status == 200


async def test_only_an_address_with_the_very_version_is_kept_for_ever(visited):
    current = (await visited("session-watch.js")).headers["ETag"].strip('"').removesuffix("-gzip")
    for version, lasting in ((current, True), ("0" * 16, False), ("", False)):
        answer = await visited(f"session-watch.js?v={version}")
        assert answer.status == 200
        assert ("immutable" in answer.headers["Cache-Control"]) is lasting


async def test_script_names_the_mount_of_its_organization(visited):
    contoso, fabrikam = (
        Organization("contoso", "1", ("crm",), "http://u"),
        Organization("fabrikam", "2", ("f",), "http://u"),
    )
    mounts = {"contoso": "/.claims", "fabrikam": '/fab"rikam/.claims'}
    assets = Assets(lambda organization: mounts[organization.name], "/.claims")
    for organization, named in ((contoso, '"/.claims/"'), (fabrikam, r'"/fab\"rikam/.claims/"'), (None, '"/.claims/"')):
        request = make_mocked_request("GET", "/.claims/session-watch.js")
        answer = await assets.endpoints["session-watch.js"](request, None, organization)
        assert f"location.origin + {named};" in answer.body.decode()
    assert 'location.origin + "/.claims/";' in (await visited("session-watch.js")).text


@pytest.mark.parametrize("path", ["texts/tlh.json", "texts/", "texts/../session-watch.js", "texts/en", "session-watch"])
async def test_what_there_is_not_is_not_found(visited, path):
    assert (await visited(path)).status in (400, 404)
    assert (await visited("texts/en.json")).status == 200


@pytest.mark.parametrize("path", ["session-watch.js", "texts/en.json", "signed-in"])
async def test_assets_are_read_only(visited, path):
    answer = await visited(path, method="POST")
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")


async def test_the_page_after_a_renewed_sign_in_runs_our_script_and_nothing_else(visited):
    answer = await visited("signed-in")
    policy = dict(each.split(" ", 1) for each in answer.headers["Content-Security-Policy"].split("; "))
    assert (policy["default-src"], policy["script-src"]) == ("'none'", "'self'")
    assert policy["frame-ancestors"] == "'none'"
    assert answer.headers["Cache-Control"] == "no-store"
    assert '<script src="session-watch.js" defer></script>' in answer.text
