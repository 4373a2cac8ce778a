"""Data as bytes on standard output; what people read cannot steer their terminal."""

from __future__ import annotations

import io
import os
import sys

import pytest

import ksecrets
from ksecrets.cli import streams
from ksecrets.errors import KsecretsError, SyntaxRefused


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("data", [b"\xff\x00\r\n", "\ufeffa\r\n\x1b\u2028"])
def test_data_is_not_changed(data: bytes | str, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    streams.write(data)
    assert capfdbinary.readouterr().out == (data if isinstance(data, bytes) else data.encode())


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("env/prod.yaml: a[0]\n\thint", "env/prod.yaml: a[0]\n\thint"),
        ("a\x1b[2Jb", "a\\x1b[2Jb"),
        ("a\rb\x00\x7f\x9b", "a\\x0db\\x00\\x7f\\x9b"),
        ("größe 秘密", "größe 秘密"),
    ],
)
def test_messages_cannot_steer_the_terminal(text: str, shown: str, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    streams.message(text)
    streams.error(KsecretsError(text))
    streams.report(text)
    out, err = capfdbinary.readouterr()
    assert err.decode() == f"{shown}\nerror: {shown}\n"
    assert out.decode() == f"{shown}\n"


def test_names_that_are_no_text(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    streams.message(os.fsdecode(b"\xff.yaml"))
    assert capfdbinary.readouterr().err == b"\\udcff.yaml\n"


def test_quiet_silences_what_went_well_and_nothing_else(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "quiet", True)
    session = ksecrets.Session({})
    session.note("careful")
    streams.status("done")
    streams.notes(session)
    streams.error(KsecretsError("no"))
    assert capfd.readouterr() == ("", "note: careful\nerror: no\n")
    assert session.notes == []


@pytest.mark.parametrize(
    ("environ", "coloured"),
    [({"TERM": "xterm"}, True), ({"TERM": "xterm", "NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False),
     ({"TERM": "xterm", "NO_COLOR": ""}, True)],
)  # fmt: skip
def test_colours(environ: dict[str, str], coloured: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    streams.error(KsecretsError("no\x1b[0m", hint="do"))
    text = terminal.getvalue()
    assert ("\x1b[31merror:\x1b[0m no" in text) is coloured
    assert ("\x1b[36mhint:\x1b[0m do" in text) is coloured
    assert "\\x1b[0m" in text


def test_no_colours_without_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    assert streams.coloured("a", streams.RED, io.StringIO()) == "a"
    assert streams.coloured("a", streams.RED, None) == "a"


def test_standard_input_is_strict_utf8(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stdin:
        buffer = io.BytesIO(b"a\r\nb\n" + b"secret\xff")

    monkeypatch.setattr(sys, "stdin", Stdin)
    with pytest.raises(SyntaxRefused) as caught:
        streams.read_stdin("x.yaml")
    assert str(caught.value) == "x.yaml:3: not UTF-8 text (byte 11)"
    assert caught.value.__context__ is None  # the decoder's error holds the text
    Stdin.buffer = io.BytesIO("\ufeffa\r\n".encode())
    assert streams.read_stdin() == "\ufeffa\r\n"


def test_nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    streams.message("x")
    monkeypatch.setattr(sys, "stdout", None)
    with pytest.raises(KsecretsError, match="closed"):
        streams.write("x")


@pytest.mark.parametrize(
    ("answer", "yes"), [("y\n", True), ("Yes\n", True), ("n\n", False), ("\n", False), ("", False)]
)
def test_asking(answer: str, yes: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert streams.asked("sure? ") is yes
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    assert streams.asked("sure? ") is False
