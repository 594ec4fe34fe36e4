"""axe-core, which finds what people with assistive technology would stumble over."""

import json
from pathlib import Path

import pytest
from playwright.async_api import Page

AXE = Path(__file__).parents[1] / "interop" / "node_modules" / "axe-core" / "axe.min.js"


async def is_accessible(page: Page, scope: str = "html") -> None:
    """Fails with what axe finds in this part of the page."""
    if not AXE.is_file():
        pytest.skip("no axe-core: tests/interop/install.py brings it")
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(AXE.read_text("utf-8"))
    found = await page.evaluate("scope => axe.run(scope)", scope)
    assert found["passes"], "it looked at something"
    assert found["violations"] == [], json.dumps(found["violations"], indent=1)
