"""The file with the code of hot commands: used while it fits, and never in the way."""

from __future__ import annotations

import marshal
import os
import shutil
import subprocess
import sys
from importlib.util import MAGIC_NUMBER
from pathlib import Path

import pytest

import ksecrets
from tests.conftest import ROOT
from tests.pipe import alice

SCRIPT = """
import sys
sys.path.insert(0, {folder!r})
import ksecrets.cli.main, ksecrets.errors
sys.argv = ["ksecrets", *{words!r}]
ksecrets.cli.main._leave = lambda code: None
code = ksecrets.cli.main.main()
own = [m for name, m in sys.modules.items() if name.startswith("ksecrets.") and hasattr(m, "__spec__")]
print(code, sum(type(m.__spec__.loader).__name__ == "_Loader" for m in own), len(own), file=sys.stderr)
"""


class Copy:
    """A copy of the package, with a key and an encrypted file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        shutil.copytree(ROOT / "ksecrets", folder / "ksecrets", ignore=shutil.ignore_patterns("__pycache__"))
        self.file = folder / "a.yaml"
        self.file.write_text("a: secret\n")
        ksecrets.encrypt(str(self.file), age=[alice().public], write=True)

    @property
    def cache(self) -> Path:
        return self.folder / f"ksecrets/__pycache__/hot.{sys.implementation.cache_tag}.bin"

    def run(self, *words: str, options: tuple[str, ...] = ()) -> tuple[str, int, int]:
        """What a command wrote, how many modules came out of the file, and how many there were."""
        script = SCRIPT.format(folder=str(self.folder), words=[*(words or ("decrypt", str(self.file)))])
        env = {"PATH": os.environ["PATH"], "SOPS_AGE_KEY": alice().secret, "HOME": str(self.folder)}
        done = subprocess.run([sys.executable, *options, "-c", script], capture_output=True, text=True, env=env)
        code, cached, count = done.stderr.split("\n")[-2].split()
        assert code == "0", done.stderr
        return done.stdout, int(cached), int(count)

    def rows(self) -> dict[str, tuple[str, ...] | None]:
        """What the file says of what each module imports."""
        data = self.cache.read_bytes()
        _, entries = marshal.loads(data[8 : 8 + int.from_bytes(data[:8], "big")])
        return {name: entry[6] for name, entry in entries.items()}

    def script(self, before: str, *words: str, after: str) -> str:
        """What a command writes, in a process that runs something before and after it."""
        script = SCRIPT.format(folder=str(self.folder), words=[*words])
        script = script.replace("import ksecrets.cli.main", before + "import ksecrets.cli.main")
        env = {"PATH": os.environ["PATH"], "SOPS_AGE_KEY": alice().secret, "HOME": str(self.folder)}
        done = subprocess.run(
            [sys.executable, "-c", script + after + "\n"], capture_output=True, text=True, env=env, cwd=self.folder
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def loaded_in_rows(self, before: str = "") -> list[str]:
        """The modules that a command loads in a row, without a search."""
        watched = (
            "import ksecrets.cli.modules as kept\n"
            "names, load = [], kept.Modules._load\n"
            "kept.Modules._load = lambda self, row: (load(self, row), names.extend(row))\n"
        )
        return self.script(before + watched, "decrypt", str(self.file), after="print(*names)").split()[2:]


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    return Copy(tmp_path)


def test_the_second_run_reads_one_file(copy: Copy) -> None:
    first = copy.run()
    assert (first[0], first[1]) == ("a: secret\n", 0)
    second = copy.run()
    assert second[0] == "a: secret\n"
    assert second[1] > second[2] - 6  # all but what is there before it
    written = copy.cache.read_bytes()
    third = copy.run()
    assert third == second
    assert copy.cache.read_bytes() == written
    assert list(copy.cache.parent.glob("hot.*")) == [copy.cache]


def test_what_a_module_imports_is_loaded_before_it(copy: Copy) -> None:
    copy.run()
    assert not any(copy.rows().values())
    copy.run()
    row = copy.rows()["ksecrets.operations.session"]
    assert row is not None
    assert row.index("ksecrets.values.primitives") < row.index("ksecrets.values.cipher")
    assert "ksecrets.operations.session" not in row
    assert set(row) <= set(copy.loaded_in_rows())


def test_a_module_of_a_row_that_fails_fails_where_it_is_imported(copy: Copy) -> None:
    copy.run()
    copy.run()
    source = copy.folder / "ksecrets/values/primitives.py"
    whole = source.read_text()
    source.write_text(whole + "\nraise ImportError('not here')\n")
    with pytest.raises(AssertionError, match="ImportError in ksecrets/values/primitives"):
        copy.run()
    source.write_text(whole)
    for _ in range(3):
        assert copy.run()[0] == "a: secret\n"


def test_no_row_beside_other_threads(copy: Copy) -> None:
    copy.run()
    copy.run()
    started = "import threading; threading.Thread(target=threading.Event().wait, daemon=True).start()\n"
    assert copy.loaded_in_rows(started) == []


def test_another_command_adds_its_modules(copy: Copy) -> None:
    copy.run()
    copy.run("get", str(copy.file), "a")
    assert copy.run("get", str(copy.file), "a")[1] > 30
    assert copy.run()[1] > 30


def test_a_changed_source_counts(copy: Copy) -> None:
    copy.run()
    source = copy.folder / "ksecrets/cli/streams.py"
    source.write_text(source.read_text() + "\n__import__('sys').stdout.write('changed\\n')\n")
    for _ in range(2):
        assert "changed\n" in copy.run()[0]


def _file(index: bytes) -> bytes:
    return len(index).to_bytes(8, "big") + index


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"x",
        b"\0" * 40,
        b"\xff" * 40,
        _file(marshal.dumps(1)),
        _file(marshal.dumps((b"old", {}))),
        _file(marshal.dumps((1, 2, 3))),
        _file(marshal.dumps((MAGIC_NUMBER, {"ksecrets.cli.streams": ("x.py", False, 0, 0, 0, 0)}))),
        _file(b"x"),
    ],
)
def test_a_file_that_is_none_is_replaced(copy: Copy, data: bytes) -> None:
    copy.cache.parent.mkdir(exist_ok=True)
    copy.cache.write_bytes(data)
    assert copy.run()[:2] == ("a: secret\n", 0)
    assert copy.run()[1] > 30


def test_a_file_that_was_cut_gives_what_is_whole(copy: Copy) -> None:
    copy.run()
    whole = copy.cache.read_bytes()
    copy.cache.write_bytes(whole[: len(whole) * 2 // 3])
    code = copy.run()
    assert code[0] == "a: secret\n"
    assert 20 < code[1] < code[2] - 5
    assert copy.run()[1] > code[2] - 6
    copy.cache.write_bytes(whole[: len(whole) * 2 // 3])
    copy.run("get", str(copy.file), "a")  # imports other modules, and keeps nothing that was cut
    assert copy.run()[0] == "a: secret\n"


def test_damaged_code_is_replaced(copy: Copy) -> None:
    """As after a power cut: the length is right, and the end of the file is zeros."""
    copy.run()
    copy.run()
    data = copy.cache.read_bytes()
    index = 8 + int.from_bytes(data[:8], "big")
    copy.cache.write_bytes(data[:index].ljust(len(data), b"\0"))
    for _ in range(3):
        assert copy.run()[0] == "a: secret\n"
    assert copy.run()[1] > 50


def test_no_module_runs_twice(copy: Copy) -> None:
    commands = [("decrypt", str(copy.file)), ("get", str(copy.file), "a"), ("info", str(copy.file)), ("check",)]
    for words in commands:
        for _ in range(2):
            copy.run(*words)
        done = copy.script(
            "import ksecrets.cli.modules as kept\n"
            "names = []\n"
            "for cls in (kept._Loader, kept._Extension):\n"
            "    def watched(self, module, run=cls.exec_module):\n"
            "        names.append(module.__name__)\n"
            "        run(self, module)\n"
            "    cls.exec_module = watched\n",
            *words,
            after="print(*names)",
        )
        names = done.split("\n")[-2].split()
        assert len(names) > 30
        assert len(names) == len(set(names)), sorted(name for name in names if names.count(name) > 1)


def test_code_without_asserts_has_a_file_of_its_own(copy: Copy) -> None:
    copy.run(options=("-O",))
    assert not copy.cache.exists()
    assert copy.run()[1] == 0


def test_it_counts_in_its_own_place_only(copy: Copy, tmp_path: Path) -> None:
    copy.run()
    moved = tmp_path / "moved"
    moved.mkdir()
    shutil.copytree(copy.folder / "ksecrets", moved / "ksecrets")
    copy.folder = moved
    assert copy.run()[1] == 0


def test_nothing_is_written_where_python_writes_nothing(copy: Copy) -> None:
    copy.run(options=("-B",))
    assert not copy.cache.exists()


def test_it_is_of_hot_commands(copy: Copy) -> None:
    copy.run("decrypt", "--", str(copy.file))  # parsed by click
    assert not copy.cache.exists()
