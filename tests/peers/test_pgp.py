"""Files for PGP keys, held against the real sops and gpg."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.conftest import Cli, Repo, _find_peer
from tests.keys.test_pgp import new_key


@pytest.fixture
def fingerprint(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A PGP key in a keyring of its own."""
    _find_peer("gpg")
    folder = Path(tempfile.mkdtemp(prefix="kg"))  # short: gpg's sockets are in it
    monkeypatch.setenv("GNUPGHOME", str(folder))
    yield new_key(folder, "somebody")
    subprocess.run(["gpgconf", "--homedir", folder, "--kill", "all"], check=False)
    shutil.rmtree(folder, ignore_errors=True)


def run(*argv: str | os.PathLike[str]) -> bytes:
    done = subprocess.run(argv, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


@pytest.mark.parametrize("rules", ["sops", "ksecrets"])
def test_a_file_in_turns(rules: str, fingerprint: str, sops: str, cli: Cli, repo: Repo) -> None:
    """We encrypt by either configuration, sops edits, we edit, sops reads; and a file that sops made, we open."""
    if rules == "sops":
        repo.write(".sops.yaml", f"creation_rules: [{{pgp: {fingerprint}}}]\n")
    else:
        repo.write(
            ".ksecrets.yaml",
            f"version: 1\nrecipients: {{me: {{pgp: {fingerprint}}}}}\n"
            "environments: {dev: {files: ['*.yaml'], readers: [me]}}\n",
        )
    text = "a: 1.10 # note\nb: [two]\n"
    file = repo.write("ours.yaml", text)
    cli("encrypt", "-i", file).ok()
    assert cli("decrypt", file).ok().stdout == text
    assert yaml.safe_load(run(sops, "decrypt", file)) == {"a": 1.1, "b": ["two"]}
    run(sops, "set", file, '["a"]', '"new"')
    assert cli("get", file, "a").ok().stdout == "new"
    cli("set", file, "a", input="newer\n").ok()
    assert yaml.safe_load(run(sops, "decrypt", file)) == {"a": "newer", "b": ["two"]}
    theirs = repo.write("theirs.yaml", run(sops, "encrypt", "--pgp", fingerprint, repo.write("p.txt.yaml", text)))
    assert cli("get", theirs, "b[0]").ok().stdout == "two"
