"""The first stage parses as click does, or leaves it to click."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ksecrets.cli import clickapp, table
from ksecrets.cli.main import first_stage

HOT = [command for command in table.COMMANDS if command.hot]
HELM = next(command for command in HOT if command.whole)
WORDS = sorted(
    {word for command in HOT for word in command.words}
    | {name for command in HOT for option in command.options for name in option.names}
    | {"-q", "--quiet", "-", "--", "-h", "--help", "a.yaml", "b c", "", "a.b[0]", "--outp", "-iq", "--output=x", "-x"}
)

# What a system can hand over: no NUL, nothing that is no UTF-8.
ARGUMENTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=4)


@example(HELM, ["--"])
@example(HELM, ["template", "--", "--help"])
@given(st.sampled_from(HOT), st.lists(st.one_of(st.sampled_from(WORDS), ARGUMENTS), max_size=6))
def test_it_agrees_with_click(command: table.Command, words: list[str]) -> None:
    line = [*command.words, *words]
    found = first_stage(line)
    if found is None:
        return
    assert found == clickapp.parse(line)


@pytest.mark.parametrize(
    ("line", "values"),
    [
        (["decrypt", "a"], {"files": ("a",)}),
        (["decrypt", "-i", "a", "-q", "b"], {"files": ("a", "b"), "in_place": True, "quiet": True}),
        (["decrypt", "a", "--output", "b"], {"files": ("a",), "output": "b"}),
        (["decrypt"], {"files": ()}),
        (["decrypt", "--config", "x", "a"], {"files": ("a",), "config": "x"}),
        (["exec-env", "a", "b c"], {"file": "a", "command": "b c"}),
        (["exec-file", "a", "--", "b", "--user"], {"file": "a", "after": ("b", "--user")}),
        (["decrypt", "--ignore-mac", "-"], {"files": ("-",), "ignore_mac": True}),
        (["get", "a", "b.c"], {"file": "a", "key": "b.c"}),
        (["git", "textconv", "a"], {"path": "a"}),
        (["helm", "getter", "", "", "", "secrets://a"], {"argv": ["", "", "", "secrets://a"]}),
        (["helm", "wrap", "template", "--help"], {"argv": ["template", "--help"]}),
        (["helm", "wrap", "--help"], {"argv": ["--help"]}),
        (["helm", "wrap"], {"argv": []}),
    ],
)
def test_it_takes_complete_command_lines(line: list[str], values: dict[str, object]) -> None:
    found = first_stage(line)
    assert found is not None
    assert values.items() <= found[1].items()
    assert all(not value for key, value in found[1].items() if key not in values)


@pytest.mark.parametrize(
    "line",
    [
        [],
        ["--help"],
        ["-q", "decrypt", "a"],
        ["decrypt", "--help"],
        ["decrypt", "a", "--output"],
        ["decrypt", "a", "--output", "-x"],
        ["decrypt", "a", "--output=b"],
        ["decrypt", "a", "--out", "b"],
        ["decrypt", "--", "-a"],
        ["get", "a"],
        ["get", "a", "b", "c"],
        ["git"],
        ["git", "setup"],
        ["rotate", "-i", "a"],
        ["config", "show", "a"],
    ],
)
def test_it_leaves_the_rest_to_click(line: list[str]) -> None:
    assert first_stage(line) is None


def test_completion_is_for_click(monkeypatch: pytest.MonkeyPatch) -> None:
    assert first_stage(["decrypt", "a"]) is not None
    monkeypatch.setenv("_KSECRETS_COMPLETE", "bash_complete")
    assert first_stage(["decrypt", "a"]) is None
