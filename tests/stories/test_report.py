"""report --html, in a real browser: it shows what happened, loads nothing, runs nothing, and holds no value."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from tests.browser import Browser
from tests.conftest import Cli, Repo

DEV, PROD = "env/dev/secrets.yaml", "env/prod/secrets.yaml"
DAY = 86400


class Shop:
    """Two environments with a history of a year; `now` is when the newest commit was made."""

    def __init__(self, repo: Repo, cli: Cli) -> None:
        self.repo, self.cli = repo, cli
        cli("init", "--files", "env/dev/*.yaml").ok()
        cli("env", "add", "prod", "--files", "env/prod/*.yaml").ok()
        config = (repo / ".ksecrets.yaml").read_text()
        repo.write(".ksecrets.yaml", config.replace("  prod:\n", "  prod:\n    rotate-after: 90d\n"))
        for path in (DEV, PROD):
            repo.write(path, "db:\n  user: canary-app\n  password: canary1\nport: 5432\n")
            cli("-q", "encrypt", "-i", path).ok()
        self.now = int(os.stat(repo / DEV).st_mtime)
        self.commit("Everything begins", 400)
        self.set(DEV, "db.password", "canary2")
        self.commit("Another password", 40)
        self.set(DEV, "token", "canary3")
        self.commit("A token", 1)

    def set(self, path: str, key: str, value: str) -> None:
        self.cli("-q", "set", path, key, input=value).ok()

    def commit(self, message: str, days: int, author: str = "Ann Author") -> None:
        date = f"{self.now - days * DAY} +0000"
        self.repo.git("add", "--all")
        env = {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date, "GIT_AUTHOR_NAME": author}
        self.repo.git("commit", "--quiet", "--allow-empty", "-m", message, env=env)

    def report(self, browser: Browser, *words: str, env: dict[str, str] | None = None) -> str:
        """The page, opened; gives its source."""
        page = self.repo.path.parent / "report.html"
        self.cli("report", "--html", page, *words, env=env).ok()
        browser.open(page)
        return page.read_text()


@pytest.fixture
def shop(repo: Repo, cli: Cli) -> Shop:
    return Shop(repo, cli)


def test_it_shows_what_happened_and_needs_nothing_else(shop: Shop, browser: Browser) -> None:
    source = shop.report(browser)
    assert browser.requests == [(shop.repo.path.parent / "report.html").as_uri()]
    assert browser.console == []
    assert "canary" not in source
    assert browser.text("h1") == "Secrets of repo"
    cards = [each.text.replace("\n", " ") for each in browser.find(".card")]
    assert cards == [
        "7 secrets in 2 files",
        "2 commits in 90 days",
        "13 months the oldest secret",
        "1 data key overdue",
        "1 difference between environments",
    ]
    moments = [each.text.replace("\n", " ") for each in browser.find(".moment")]
    assert len(moments) == 3
    assert re.search(r"A token Ann Author dev env/dev/secrets\.yaml \+token$", moments[0])
    assert re.search(r"Another password Ann Author dev env/dev/secrets\.yaml ~db\.password$", moments[1])
    assert "new file" in moments[2]
    ages = [
        [cell.text for cell in row.find_elements("css selector", "th, td")] for row in browser.find(".heat tbody tr")
    ]
    assert ages == [["dev", "1", "1", "·", "·", "2"], ["prod", "·", "·", "·", "·", "3"]]
    assert "310 days late prod env/prod/secrets.yaml" in browser.text("body").replace("\n", " ")
    assert "token: not in prod" in browser.text("body")
    assert len(browser.find("svg rect")) == 4
    assert "canary" not in browser.text("body")


def test_it_needs_no_key(shop: Shop, browser: Browser, tmp_path: Path) -> None:
    nobody = tmp_path / "nobody"
    nobody.mkdir()
    with_key = shop.report(browser)
    source = shop.report(browser, env={"HOME": str(nobody), "XDG_CONFIG_HOME": str(nobody)})
    stamp = re.compile(r"\d\d:\d\d UTC")
    assert stamp.sub("", source) == stamp.sub("", with_key)


HOSTILE = "<img src=https://example.org/x onerror=alert(1)><script>document.title='ran'</script>"


def test_texts_of_strangers_stay_texts(shop: Shop, browser: Browser) -> None:
    """File names, keys, authors and messages come from whoever can push."""
    shop.repo.write('env/dev/<b onload="alert(1)">&amp;\u202e.yaml', f"{json.dumps(HOSTILE)}: x\n")
    shop.cli("-q", "encrypt", "-i", 'env/dev/<b onload="alert(1)">&amp;\u202e.yaml').ok()
    shop.commit(f"</style></script>{HOSTILE}\u202e\x1b[31m", 0, author=f"Eve {HOSTILE[:40]}\u2066")
    source = shop.report(browser)
    assert browser.requests == [(shop.repo.path.parent / "report.html").as_uri()]
    assert browser.script("return document.title") == "Secrets of repo"
    assert (
        browser.script("return document.querySelectorAll('img, script, b[onload], iframe, object, link').length") == 0
    )
    assert not re.search("[\u202a-\u202e\u2066-\u2069\x1b]", source)
    shown = browser.text(".moment")
    assert HOSTILE in shown
    assert '<b onload="alert(1)">&amp;\\u202e.yaml' in shown


def test_light_and_dark_and_print(shop: Shop, browser: Browser, tmp_path: Path) -> None:
    shop.report(browser)

    def contrast() -> float:
        colours = "const s = getComputedStyle(document.body); return [s.color, s.backgroundColor]"
        one, two = (luminance(colour) for colour in browser.script(colours))
        return (max(one, two) + 0.05) / (min(one, two) + 0.05)

    light = browser.script("return getComputedStyle(document.body).backgroundColor")
    assert contrast() > 7
    browser.dark()
    assert browser.script("return getComputedStyle(document.body).backgroundColor") != light
    assert contrast() > 7
    browser.light()
    assert browser.pdf().count(b"/Type /Page\n") in (1, 2, 3)
    browser.resize(390)
    assert browser.script("return document.documentElement.scrollWidth <= window.innerWidth")


def luminance(colour: str) -> float:
    """Relative luminance of an `rgb(...)`, by WCAG."""
    parts = [int(each) / 255 for each in re.findall(r"\d+", colour)[:3]]
    linear = [each / 12.92 if each <= 0.03928 else ((each + 0.055) / 1.055) ** 2.4 for each in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_plaintext_and_what_cannot_be_read_stand_first(shop: Shop, browser: Browser) -> None:
    shop.repo.write(PROD, "db:\n  password: canary4\n")
    shop.repo.write("env/dev/broken.yaml", "a: [\n")
    shop.commit("Oops", 0)
    source = shop.report(browser)
    notes = [each.text for each in browser.find(".note.bad")]
    assert any(note.startswith(f"{PROD} is plaintext") for note in notes)
    assert any(note.startswith("env/dev/broken.yaml") for note in notes)
    assert "plaintext" in browser.text(".moment")
    assert "canary" not in source


def test_without_a_history(repo: Repo, cli: Cli, browser: Browser) -> None:
    repo.write("README", "1")
    repo.commit()
    page = repo.path.parent / "report.html"
    cli("report", "--html", page).ok()
    browser.open(page)
    assert "No commit has changed a file of secrets." in browser.text()


def test_it_says_where_the_page_goes(repo: Repo, cli: Cli) -> None:
    repo.write("README", "1")
    repo.commit()
    done = cli("report")
    assert (done.code, "ksecrets report --html FILE" in done.stderr) == (2, True)
    assert cli("report", "--html", "-").ok().stdout.startswith("<!DOCTYPE html>")
