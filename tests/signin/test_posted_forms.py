"""What is posted to an endpoint of ours is a form in one encoding; anything else is refused, and shows up nowhere."""

import io

import aiohttp
import pytest

from proxy.observability import logs

FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=b"
PART = b'--b\r\nContent-Disposition: form-data; name="state"\r\n'
BAD = {
    "no UTF-8": (FORM, b"state=hunter2\xff"),
    "no UTF-8, encoded": (FORM, b"state=hunter2%ff"),
    "a charset that nobody knows": (f"{FORM}; charset=nonsense", b"state=hunter2"),
    "too many fields": (FORM, b"state=hunter2" + b"&a=" * 20),
    "too long": (FORM, b"state=hunter2" + b"x" * 1024 * 1024),
    "multipart": (MULTIPART, PART + b"\r\nhunter2\r\n--b--\r\n"),
    "multipart that is none": (MULTIPART, b"hunter2"),
    "multipart without a boundary": ("multipart/form-data", b"hunter2"),
    "a part that is no UTF-8": (MULTIPART, PART + b"\r\nhunter2\xff\r\n--b--\r\n"),
    "a part's bad header": (MULTIPART, PART + b"hunter2 " + b"Z" * 7000 + b"\r\n\r\nx\r\n--b--\r\n"),
    "a part's bad encoding": (MULTIPART, PART + b"Content-Transfer-Encoding: hunter2\r\n\r\nx\r\n--b--\r\n"),
    "no form": ("text/plain", b"state=hunter2"),
}
GOOD = {
    "plain": (FORM, b"state=a&code=b"),
    "with its charset": (f"{FORM}; charset=UTF-8", b"state=a&code=b"),
    "with another's charset": (f"{FORM}; charset=ISO-8859-1", b"state=a&code=b"),
    "with as many fields as may be": (FORM, b"state=a&code=b" + b"&a=" * 18),
}


async def post(url, sort, body):
    async with (
        aiohttp.ClientSession() as client,
        client.post(url, data=io.BytesIO(body), headers={"Content-Type": sort}, allow_redirects=False) as answer,
    ):
        return answer.status, answer.headers.get("Location")


@pytest.mark.parametrize("case", list(BAD))
@pytest.mark.parametrize("federated", [False, True])
async def test_what_is_no_form_is_400_and_not_logged(world, federated, case):
    one = await world(federated=federated)
    stream = io.StringIO()
    logs.configure(log_format="json", stream=stream)
    for name in ("wsfed",) if federated else ("callback", "backchannel-logout"):
        assert (await post(one.url(f"/.claims/{name}"), *BAD[case]))[0] == 400
    assert "bad_request" in stream.getvalue()
    assert '"error"' not in stream.getvalue()
    assert "hunter2" not in stream.getvalue()


@pytest.mark.parametrize("case", list(GOOD))
async def test_form_is_read(world, case):
    one = await world()
    assert await post(one.url("/.claims/callback"), *GOOD[case]) == (303, "/.claims/callback?state=a&code=b")
