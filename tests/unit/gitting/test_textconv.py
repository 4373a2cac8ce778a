"""What git shows of a file: the plaintext where it can be had here, else the file, and never a failure."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import ksecrets
from ksecrets.gitting import textconv

PLAIN = "\ufeffa: geheim  # why\r\nb: 1.10\r\n"


@pytest.fixture
def encrypted(tmp_path: Path) -> Path:
    public = ksecrets.keygen().public
    assert public is not None
    path = tmp_path / "secrets.yaml"
    path.write_bytes(PLAIN.encode())
    ksecrets.encrypt(str(path), age=[public], write=True)
    assert b"geheim" not in path.read_bytes()
    return path


def test_with_the_key(encrypted: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert textconv.main(str(encrypted)) == 0
    assert capfdbinary.readouterr() == (PLAIN.encode(), b"")


def test_without_the_key(encrypted: Path, capfdbinary: pytest.CaptureFixture[bytes], clean_home: Path) -> None:
    (clean_home / ".config/sops/age/keys.txt").unlink()
    assert textconv.main(str(encrypted)) == 0
    assert capfdbinary.readouterr() == (encrypted.read_bytes(), b"")


@pytest.mark.parametrize("raw", [b"", b"a: 1\n", b"sops: [\n", b"sops: {}\n", b"\xff sops", b"sops:\n  - 1\n" * 9])
def test_what_is_not_encrypted(raw: bytes, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    path = tmp_path / "file"
    path.write_bytes(raw)
    assert textconv.main(str(path)) == 0
    assert capfdbinary.readouterr().out == raw


def test_tampered_is_said(encrypted: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    raw = encrypted.read_bytes().replace(b"\r\nb: ", b"\r\nc: ")
    encrypted.write_bytes(raw)
    assert textconv.main(str(encrypted)) == 0
    out, err = capfdbinary.readouterr()
    assert out == raw
    assert b"tampered" in err
    assert b"geheim" not in err


def test_a_bug_breaks_no_diff(
    encrypted: Path, capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("geheim")

    monkeypatch.setattr("ksecrets.operations.decrypt.decrypt", broken)
    assert textconv.main(str(encrypted)) == 0
    assert capfdbinary.readouterr() == (encrypted.read_bytes(), b"")


def test_no_file(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert textconv.main(str(tmp_path / "none")) == 0
    out, err = capfdbinary.readouterr()
    assert out == b""
    assert b"no such file" in err


def test_it_asks_nobody(
    encrypted: Path,
    capfdbinary: pytest.CaptureFixture[bytes],
    monkeypatch: pytest.MonkeyPatch,
    clean_home: Path,
    tmp_path: Path,
) -> None:
    # A command that would give the key is not run, and leaves no trace.
    keys = clean_home / ".config/sops/age/keys.txt"
    kept = keys.rename(tmp_path / "keys.txt")
    script = f"{sys.executable} -c \"open('{tmp_path}/ran','w'); print(open('{kept}').read())\""
    monkeypatch.setenv("KSECRETS_AGE_KEY_CMD", script)
    monkeypatch.setenv("SOPS_AGE_KEY_CMD", script)
    assert textconv.main(str(encrypted)) == 0
    assert capfdbinary.readouterr().out == encrypted.read_bytes()
    assert not (tmp_path / "ran").exists()
    assert ksecrets.decrypt(str(encrypted)).text == PLAIN  # it would have worked
    assert (tmp_path / "ran").exists()


def test_the_path_decides_nothing(encrypted: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    # git gives temporary files: their place has no rules of its own, and they are no moved files
    elsewhere = encrypted.parent / "x" / ".git"
    elsewhere.mkdir(parents=True)
    (elsewhere.parent / ".ksecrets.yaml").write_text("nonsense: [\n")
    temporary = elsewhere.parent / "abc_secrets.yaml"
    temporary.write_bytes(encrypted.read_bytes())
    assert textconv.main(str(temporary)) == 0
    assert capfdbinary.readouterr() == (PLAIN.encode(), b"")
