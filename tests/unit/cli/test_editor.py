"""The editor: which, with what options, on which file, and what is left afterwards."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from ksecrets.cli.editor import Editor, command
from ksecrets.errors import KsecretsError


def editing(body: str, tmp_path: Path) -> dict[str, str]:
    """An environment whose editor is a Python script; `path` is its last argument."""
    script = tmp_path / "my editor.py"
    script.write_text(f"import os, sys\npath = sys.argv[-1]\n{body}\n")
    return {**os.environ, "EDITOR": f"{sys.executable} '{script}'"}


APPEND = "open(path, 'a').write('more\\n')"


def test_it_edits_a_private_file_with_the_name_of_the_secret(tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    body = f"open({str(seen)!r}, 'wb').write(path.encode() + b'|' + open(path, 'rb').read())\n{APPEND}"
    with Editor("env/prod/secrets.k8s.yaml", editing(body, tmp_path)) as editor:
        assert editor("\ufeffa: 1\r\n", None) == "\ufeffa: 1\r\nmore\n"
        path, _, text = seen.read_bytes().decode().partition("|")
        assert text == "\ufeffa: 1\r\n"
        assert os.path.basename(path) == "secrets.k8s.yaml"
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
        assert stat.S_IMODE(os.stat(os.path.dirname(path)).st_mode) == 0o700
    assert not os.path.exists(os.path.dirname(path))


def test_it_is_gone_after_a_failure(tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    body = f"open({str(seen)!r}, 'w').write(path)\n{APPEND}\nsys.exit(7)"
    with pytest.raises(KsecretsError, match=r"the editor failed \(exit 7\); nothing was written"):  # noqa: SIM117
        with Editor("a.yaml", editing(body, tmp_path)) as editor:
            editor("a: 1\n", None)
    assert not os.path.exists(os.path.dirname(seen.read_text()))


def test_an_editor_that_is_not_there(tmp_path: Path) -> None:
    with (
        Editor("a.yaml", {"EDITOR": "/nonexistent/editor"}) as editor,
        pytest.raises(KsecretsError, match="cannot be started: /nonexistent/editor: no such file"),
    ):
        editor("a: 1\n", None)


def test_the_editor_gets_no_keys(tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    environ = editing(f"open({str(seen)!r}, 'w').write(repr(dict(os.environ)))", tmp_path)
    with Editor("a.yaml", {**environ, "KSECRETS_AGE_KEY": "canary", "SOPS_AGE_KEY_FILE": "canary", "A": "b"}) as editor:
        editor("a: 1\n", None)
    assert "canary" not in seen.read_text()
    assert "'A': 'b'" in seen.read_text()


def test_without_a_terminal_a_refused_text_ends_it(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    runs = tmp_path / "runs"
    with Editor("a.yaml", editing(f"open({str(runs)!r}, 'a').write('x')", tmp_path)) as editor:
        editor("a: 1\n", None)
        with pytest.raises(KsecretsError, match="nothing was written"):
            editor("a: {\n", "line 1: not YAML")
    assert "error: line 1: not YAML" in capfd.readouterr().err
    assert runs.read_text() == "x"


class Answer:
    def __init__(self, *lines: str) -> None:
        self.lines = list(lines)

    def isatty(self) -> bool:
        return True

    def readline(self) -> str:
        return self.lines.pop(0)


@pytest.mark.parametrize(
    ("answer", "again"), [("\n", True), ("yes\n", True), ("q\n", False), ("Q\n", False), ("", False)]
)
def test_on_a_terminal_it_asks(answer: str, again: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ksecrets.cli.editor._has_terminal", lambda: True)
    monkeypatch.setattr(sys, "stdin", Answer(answer))
    with Editor("a.yaml", editing(APPEND, tmp_path)) as editor:
        first = editor("a: 1\n", None)
        if again:
            # The refused text is edited further, not the one before it.
            assert editor(first, "line 1: no") == "a: 1\nmore\nmore\n"
        else:
            with pytest.raises(KsecretsError, match="dropped; nothing was written"):
                editor(first, "line 1: no")


# -- the command line --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environ", "program"),
    [
        ({"SOPS_EDITOR": "a", "KSECRETS_EDITOR": "b", "VISUAL": "c", "EDITOR": "d"}, "a"),
        ({"KSECRETS_EDITOR": "b", "VISUAL": "c", "EDITOR": "d"}, "b"),
        ({"VISUAL": "c", "EDITOR": "d"}, "c"),
        ({"SOPS_EDITOR": " ", "EDITOR": "d"}, "d"),
        ({}, "vi"),
    ],
)
def test_which_editor(environ: dict[str, str], program: str) -> None:
    assert command(environ)[0] == program


@pytest.mark.parametrize(
    ("editor", "words"),
    [
        ("ed", ["ed"]),
        ("'/opt/my editor/ed' -x 'a b'", ["/opt/my editor/ed", "-x", "a b"]),
        ("code", ["code", "--wait"]),
        ("code --wait", ["code", "--wait"]),
        ("/usr/bin/subl -w", ["/usr/bin/subl", "-w"]),
        ("kate", ["kate", "--block"]),
        ("nano", ["nano", "--ignorercfiles", "--nowrap"]),
        ("ed $HOME", ["/bin/sh", "-c", 'ed $HOME "$@"', "ed $HOME"]),
    ],
)
def test_its_words(editor: str, words: list[str]) -> None:
    assert command({"EDITOR": editor}) == words


@pytest.mark.parametrize(("editor", "history"), [("/opt/vim", "viminfo="), ("/opt/nvim -p", "shada=")])
def test_vim_keeps_nothing(editor: str, history: str) -> None:
    words = command({"EDITOR": editor})
    assert {"-n", "NONE"} <= set(words)
    for setting in ("noswf", "nobackup", "nowritebackup", "noundofile", history):
        assert setting in words[-1]


def test_a_real_vim_keeps_nothing(clean_home: Path, tmp_path: Path) -> None:
    vim = shutil.which("vim")
    if vim is None:
        pytest.skip("there is no vim")
    kept = clean_home / "kept"
    kept.mkdir()
    (clean_home / ".vimrc").write_text(
        f"set undofile undodir={kept} backup writebackup backupdir={kept} swapfile directory={kept}\n"
        f"set viminfo='100,n{kept}/viminfo\n"
        "autocmd VimEnter * execute 's/one/two/' | wq\n"
    )
    editor = f"{vim} -es -u {clean_home}/.vimrc"
    with Editor("a.yaml", {**os.environ, "EDITOR": editor}) as edit:
        assert edit("a: one\n", None) == "a: two\n"
    assert list(kept.iterdir()) == []
    # These settings do keep it otherwise.
    (tmp_path / "a.yaml").write_text("a: one\n")
    subprocess.run([*editor.split(), tmp_path / "a.yaml"], check=True)
    assert len(list(kept.iterdir())) > 1


def test_vi_is_what_it_leads_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("nvim", "vim.basic", "vim.tiny", "nvi"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    for target, options in (("nvim", "shada="), ("vim.basic", "viminfo="), ("vim.tiny", "nowritebackup")):
        (tmp_path / "vi").symlink_to(tmp_path / target)
        assert options in command({"EDITOR": "vi"})[-1]
        assert ("noundofile" in command({"EDITOR": "vi"})[-1]) is (target != "vim.tiny")
        (tmp_path / "vi").unlink()
    (tmp_path / "vi").symlink_to(tmp_path / "nvi")
    assert command({"EDITOR": "vi"}) == ["vi"]


def test_unbalanced_quotes() -> None:
    with pytest.raises(KsecretsError, match="unbalanced quotes"):
        command({"EDITOR": "ed 'x"})


def test_shell_syntax_works(tmp_path: Path) -> None:
    environ = {**os.environ, "EDITOR": "f() { printf 'b: 2\\n' >> \"$1\"; }; f"}
    with Editor("a b.yaml", environ) as editor:
        assert editor("a: 1\n", None) == "a: 1\nb: 2\n"
