"""Requests of real programs, recorded byte for byte by record.py, through both lanes: alone, in pieces, in a row."""

import json
from pathlib import Path

import pytest

from support.lanes import LAST, compare, in_pieces

RECORDED = [
    (program, raw.encode("latin-1"))
    for program, raw in json.loads(Path(__file__).with_name("recorded.json").read_text())
]


def test_every_program_is_there():
    assert {program for program, _ in RECORDED} == {"chromium", "curl", "nginx", "others"}


@pytest.mark.parametrize("program", ["chromium", "curl", "nginx", "others"])
async def test_both_lanes_say_the_same_of_each(sites, program):
    for raw in (raw for name, raw in RECORDED if name == program):
        for cuts in (set(), {raw.index(b"\r\n\r\n") + 2}):
            await compare(sites, in_pieces(raw + LAST, cuts))


async def test_both_lanes_say_the_same_of_all_on_one_connection(sites):
    plain = [raw for _, raw in RECORDED if b"\r\nUpgrade:" not in raw and b"HTTP/1.0" not in raw]
    for start in range(0, len(plain), 5):
        await compare(sites, [b"".join(plain[start : start + 5]) + LAST])
