"""click's side of the table: global options, help, mistakes, and the place of `--`."""

from __future__ import annotations

import pytest

from ksecrets.cli import clickapp, table


def parsed(*words: str) -> tuple[str, dict[str, object]]:
    found = clickapp.parse(words)
    assert isinstance(found, tuple)
    return " ".join(found[0].words), found[1]


@pytest.mark.parametrize(
    "line", [("-q", "check"), ("check", "-q"), ("--quiet", "check", "--quiet"), ("check", "a", "-q")]
)
def test_quiet_stands_anywhere(line: tuple[str, ...]) -> None:
    name, values = parsed(*line)
    assert name == "check"
    assert values["quiet"] is True


def test_it_is_not_quiet_by_itself() -> None:
    assert parsed("check")[1]["quiet"] is False
    assert parsed("version")[1] == {"quiet": False, "config": None}


@pytest.mark.parametrize(
    ("line", "words", "after"),
    [
        (("diff",), (), None),
        (("diff", "--"), (), ()),
        (("diff", "a", "b"), ("a", "b"), None),
        (("diff", "a", "--", "b"), ("a",), ("b",)),
        (("diff", "--redact", "a", "--", "--json"), ("a",), ("--json",)),
        (("diff", "--", "a", "--", "b"), (), ("a", "--", "b")),
    ],
)
def test_the_separator_keeps_its_place(
    line: tuple[str, ...], words: tuple[str, ...], after: tuple[str, ...] | None
) -> None:
    _, values = parsed(*line)
    assert (values["words"], values["after"]) == (words, after)


def test_options_that_may_be_repeated() -> None:
    _, values = parsed("env", "add", "prod", "--reader", "a", "--reader", "b", "--files", "x/**")
    assert values == {
        "name": "prod",
        "machine": None,
        "files": ("x/**",),
        "reader": ("a", "b"),
        "pq": False,
        "quiet": False,
        "config": None,
    }


@pytest.mark.parametrize(
    "line", [("--config", "x", "check"), ("check", "--config", "x"), ("--config", "y", "check", "--config", "x")]
)
def test_the_configuration_stands_anywhere(line: tuple[str, ...]) -> None:
    assert parsed(*line)[1]["config"] == "x"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (("edit",), "Missing argument 'FILE'"),
        (("decrypt", "--nonsense", "a"), "No such option"),
        (("dekrypt", "a"), "No such command 'dekrypt'"),
        (("env",), "Usage: ksecrets env"),
        ((), "Usage: ksecrets"),
    ],
)
def test_mistakes_are_explained(line: tuple[str, ...], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert clickapp.parse(line) == 2
    out, err = capsys.readouterr()
    assert says in err
    assert out == ""


@pytest.mark.parametrize("command", [each for each in table.COMMANDS if not each.whole], ids=lambda each: each.words)
@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_every_command_has_help(command: table.Command, flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert clickapp.parse([*command.words, flag]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert command.summary.split(":")[0] in out
    for option in command.options:
        assert option.names[-1] in out


def test_the_overview_lists_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert clickapp.parse(["--help"]) == 0
    out = capsys.readouterr().out
    for command in table.COMMANDS:
        assert f"\n  {command.words[0]}" in out
    assert clickapp.parse(["helm", "--help"]) == 0
    out = capsys.readouterr().out
    assert "wrap" in out
    assert "getter" not in out
