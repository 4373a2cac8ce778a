"""The browser of the tests tells what a page does: a test of a page that cannot fail would be worth nothing."""

from __future__ import annotations

from pathlib import Path

from tests.browser import Browser


def test_it_sees_what_a_page_does(browser: Browser, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text(
        "<style>@media (prefers-color-scheme: dark) { h1 { color: rgb(1, 2, 3) } }</style><h1>hello</h1>"
        "<script>document.querySelector('h1').append(' ran')</script><img src='https://example.org/a.png'>"
    )
    browser.open(page)
    assert browser.text("h1") == "hello ran"
    assert browser.requests == [page.as_uri(), "https://example.org/a.png"]
    assert any("ERR_NAME_NOT_RESOLVED" in line for line in browser.console)
    colour = "return getComputedStyle(document.querySelector('h1')).color"
    assert browser.script(colour) == "rgb(0, 0, 0)"
    browser.dark()
    assert browser.script(colour) == "rgb(1, 2, 3)"
    browser.light()
    assert browser.script(colour) == "rgb(0, 0, 0)"
    browser.screenshot(tmp_path / "page.png")
    assert (tmp_path / "page.png").read_bytes().startswith(b"\x89PNG")
    assert browser.pdf().startswith(b"%PDF")


def test_the_next_test_finds_it_empty(browser: Browser) -> None:
    assert browser.find("h1") == []
