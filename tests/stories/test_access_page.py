"""The page of `access` as a browser shows it: to a person with a light or a dark screen, on a phone, on paper."""

from __future__ import annotations

from pathlib import Path

import pytest

import ksecrets
from tests.browser import Browser
from tests.conftest import Cli, Repo
from tests.team import DEV, PROD, Team, person

BACKGROUND = "return getComputedStyle(document.body).backgroundColor"


@pytest.fixture
def page(team: Team, cli: Cli, tmp_path: Path) -> Path:
    """alice reads all; bob was taken out of the configuration and not out of the files; ci misses prod."""
    session = team.session("alice")
    for path in (DEV, "shop/dev/secrets.yaml", PROD):
        team.write(path)
    team.repo.commit()
    del team.recipients["bob"]
    team.rules(dev="alice", prod="alice, ci")
    ksecrets.updatekeys(DEV, session=session)
    made = tmp_path / "access.html"
    cli("access", "--html", str(made), env={"KSECRETS_KEYRING": "0"}).ok()
    return made


@pytest.fixture
def team(repo: Repo) -> Team:
    return Team(repo)


def test_it_shows_who_reads_what_and_asks_for_nothing(page: Path, browser: Browser) -> None:
    browser.open(page)
    assert browser.requests == [page.as_uri()]  # no font, no script, no picture
    assert browser.console == []
    assert browser.text("h1").startswith("Who reads what: ")
    assert "Files and configuration do not agree" in browser.text(".state")
    assert [each.text for each in browser.find(".figures li")] == [
        "2readers", "2environments", "3encrypted files", "1key not configured",
    ]  # fmt: skip
    rows = {row.find_elements("css selector", "th")[0].text: row for row in browser.find(".matrix tbody tr")}
    cells = {name: [cell.text for cell in row.find_elements("css selector", "td")] for name, row in rows.items()}
    assert cells["alice"][0].startswith("●all\nnot committed yet") or cells["alice"][0].startswith("●all\nsince ")
    assert cells["ci"][0] == "–"
    stranger = next(texts for name, texts in cells.items() if name.startswith("age1"))
    assert stranger[0].startswith("◐1 of 2\nsince ")
    assert stranger[0].endswith("\n1 not configured")
    assert person("bob").public in browser.text(".keys")
    assert not browser.find("script, img, link, iframe, form, a")


def test_light_dark_and_narrow(page: Path, browser: Browser) -> None:
    browser.open(page)
    light = browser.script(BACKGROUND)
    browser.dark()
    dark = browser.script(BACKGROUND)
    assert brightness(light) > 240
    assert brightness(dark) < 40
    for colours in ("light", "dark"):
        getattr(browser, colours)()
        assert contrasts(browser) > 4.5  # WCAG AA
    for width in (1280, 360):
        browser.resize(width)
        scrolls = browser.script("return document.documentElement.scrollWidth > document.documentElement.clientWidth")
        assert not scrolls, f"the page itself scrolls sideways at {width}"


def test_on_paper(page: Path, browser: Browser, tmp_path: Path) -> None:
    """Black on white whatever the screen is, and whole: nothing is in a box that scrolls."""
    browser.open(page)
    assert browser.pdf().startswith(b"%PDF")
    browser.paper()
    assert browser.script(BACKGROUND) == "rgb(255, 255, 255)"
    assert browser.script("return getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
    assert browser.script("return getComputedStyle(document.querySelector('.frame')).overflowX") == "visible"


def brightness(colour: str) -> float:
    numbers = [float(part) for part in colour[colour.index("(") + 1 : -1].split(",")[:3]]
    return sum(numbers) / 3


def contrasts(browser: Browser) -> float:
    """The worst contrast of text against what is behind it, of all texts of the page."""
    found = browser.script(
        """
        const linear = v => (v /= 255) <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4
        const light = c => { const [r, g, b] = c.map(linear)
                             return .2126 * r + .7152 * g + .0722 * b }
        const parts = c => c.match(/[\\d.]+/g).map(Number)
        const behind = e => { for (; e; e = e.parentElement) {
            const c = parts(getComputedStyle(e).backgroundColor); if (c.length < 4 || c[3] > 0) return c.slice(0, 3) }
            return [255, 255, 255] }
        let worst = 99
        for (const e of document.querySelectorAll('body *')) {
            if (![...e.childNodes].some(n => n.nodeType === 3 && n.data.trim())) continue
            const a = light(parts(getComputedStyle(e).color).slice(0, 3)), b = light(behind(e))
            worst = Math.min(worst, (Math.max(a, b) + .05) / (Math.min(a, b) + .05)) }
        return worst
        """
    )
    return float(found)
