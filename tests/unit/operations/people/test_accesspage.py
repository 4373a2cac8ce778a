"""The page of `access`: names from a repository are never markup, on the page or for the terminal."""

from __future__ import annotations

from html.parser import HTMLParser

from ksecrets.operations.people.access import Access, Cell, Row
from ksecrets.operations.people.accesspage import page
from ksecrets.operations.people.accesstable import table

EVIL = "</td><script>alert(1)</script>\x1b[2J<img src=x onerror=alert(1)>'\""


class Reader(HTMLParser):
    """All tags, and all text outside of the style."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.shown: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        if self.tags[-1:] != ["style"]:
            self.shown.append(data)


def evil() -> Access:
    found = Access()
    found.environments = {EVIL: 2}
    row = Row(EVIL, "unknown", EVIL)
    cell = row.cells[EVIL] = Cell()
    cell.reads, cell.extra = 1, 1
    found.rows = [row]
    found.plaintext = [EVIL]
    return found


def test_names_are_no_markup() -> None:
    read = Reader(page(evil(), title=EVIL, made=EVIL))
    allowed = {"html", "head", "meta", "title", "style", "body", "h1", "p", "small", "table", "thead", "tbody", "tr"}
    allowed |= {"th", "td", "br", "code", "span", "b", "ul", "li", "div", "h2", "header", "section", "footer"}
    assert set(read.tags) <= allowed
    assert "alert(1)" in "".join(read.shown)
    assert "\x1b" not in "".join(read.shown)


def test_names_do_not_steer_the_terminal() -> None:
    text = table(evil())
    assert "\x1b" not in text
    assert "1 NOT CONFIGURED" in text
    assert text.count("\n") == 5  # head, one reader, an empty line, two notes


def test_nothing_at_all() -> None:
    assert table(Access()).startswith("reader  kind\n")
    assert "<table class=" in page(Access(), title="x", made="now")
