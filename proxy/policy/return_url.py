"""Where a sign-in or sign-out may send the browser back to: a path on the host it came from, and nowhere else."""

import re
from typing import Final

from proxy.errors import RequestRefused
from proxy.policy.paths import readings
from proxy.policy.target import judge_target

LONGEST_RETURN: Final = 4096
"""Characters; what is longer is not kept through a sign-in."""

# Behind the first slash, in any reading: what makes a network-path reference of it for a browser, which also drops
# tabs and newlines and takes a backslash for a slash (WHATWG URL, section 4.4).
_LEAVES_THE_HOST = re.compile(r"\A/[\x00-\x20]*[/\\]|[\x00-\x1f\x7f]")


def safe_return(raw: str | None) -> str:
    """`raw` where it is a path with or without a query on this host, else `/`.

    `raw` is the parameter's value after the form decoding of the query it came in, once. It is never altered: a
    Location made of it leads a browser to the very path that was judged. A fragment, anything above ASCII and whatever
    `judge_target` would refuse as a request give `/`; an encoded slash may stand, for an organization that allows it.
    """
    if not raw or len(raw) > LONGEST_RETURN or not raw.isascii():
        return "/"
    try:
        path = judge_target(raw, allow_encoded_slash=True)
    except RequestRefused:
        return "/"
    if any(_LEAVES_THE_HOST.search(reading) for reading in readings(path)):
        return "/"
    return raw
