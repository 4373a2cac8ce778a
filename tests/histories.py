"""Long histories of encrypted files, made with `git fast-import` in a second or two; for tests and for measuring.

    PYTHONPATH=. python -m tests.histories FOLDER [COMMITS [FILES]]

makes one and says how long `ksecrets.log` takes to read it, beside `git log --raw` and `git log -p` in the same run.
The tokens are random: nothing opens them, which is the point.
"""

from __future__ import annotations

import base64
import random
import subprocess
import sys
import time
from pathlib import Path

VALUES = 20
_BLOCK = """\
sops:
    age:
        - enc: |
            -----BEGIN AGE ENCRYPTED FILE-----
            {wrapped}
            -----END AGE ENCRYPTED FILE-----
          recipient: age1gl6g9n7ty29pczrs8uk5a8yjpykuhd7l7kfgz35958ssceaaz5xsp3ylwz
    ksecrets:
        kid: {kid}
        version: "1"
    lastmodified: "{when}"
    mac: {mac}
    unencrypted_suffix: _unencrypted
    version: 3.13.3
"""


class File:
    """One encrypted file as it goes through history."""

    def __init__(self, name: str, chance: random.Random) -> None:
        self.name = name
        self._chance = chance
        self.values = {f"key{number}": self._token() for number in range(VALUES)}
        self.rekey()

    def _token(self, size: int = 16) -> str:
        data, iv, tag = (base64.b64encode(self._chance.randbytes(length)).decode() for length in (size, 32, 16))
        return f"ENC[AES256_GCM,data:{data},iv:{iv},tag:{tag},type:str]"

    def change(self) -> str:
        """Another value; returns its key."""
        key = self._chance.choice(list(self.values))
        self.values[key] = self._token()
        return key

    def rekey(self) -> None:
        self.kid = base64.urlsafe_b64encode(self._chance.randbytes(16)).decode().rstrip("=")
        self.wrapped = base64.b64encode(self._chance.randbytes(48)).decode()
        self.values = {key: self._token() for key in self.values}

    def text(self, when: int) -> str:
        lines = ["# the settings of a service\n", "service:\n", "  replicas_unencrypted: 3\n"]
        lines += [f"  {key}: {token}\n" for key, token in self.values.items()]
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(when))
        lines.append(_BLOCK.format(wrapped=self.wrapped, kid=self.kid, when=stamp, mac=self._token(128)))
        return "".join(lines)


def make(folder: Path, commits: int = 5000, files: int = 200, seed: int = 7) -> dict[str, int]:
    """A repository with so many commits and files. Each commit changes one value; some add, remove or rotate.

    Returns how often each kind of change was made.
    """
    chance = random.Random(seed)
    subprocess.run(["git", "init", "--quiet", "-b", "main", str(folder)], check=True)
    made = [File(f"env/{('dev', 'prod')[number % 2]}/service-{number}.yaml", chance) for number in range(files)]
    counts = {"added": 0, "changed": 0, "removed": 0, "re-keyed": 0}
    when = 1_700_000_000
    with subprocess.Popen(
        ["git", "-C", str(folder), "fast-import", "--quiet"], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdin is not None

        def commit(message: str, changed: list[File]) -> None:
            entries = b""
            for file in changed:
                text = file.text(when).encode()
                entries += b"M 100644 inline %s\ndata %d\n%s\n" % (file.name.encode(), len(text), text)
            subject = message.encode()
            head = b"commit refs/heads/main\ncommitter Maker <maker@example.org> %d +0000\ndata %d\n%s\n"
            assert process.stdin is not None
            process.stdin.write(head % (when, len(subject), subject) + entries)

        commit("all files", made)
        counts["added"] += files * VALUES
        for number in range(commits - 1):
            when += 3600
            file = made[chance.randrange(files)]
            kind = chance.random()
            if kind < 0.90:
                file.change()
                counts["changed"] += 1
            elif kind < 0.95:
                file.values[f"new{number}"] = file._token()
                counts["added"] += 1
            elif kind < 0.98 and len(file.values) > 2:
                del file.values[next(reversed(file.values))]
                counts["removed"] += 1
            else:
                file.rekey()
                counts["re-keyed"] += len(file.values)
            commit(f"change {number}", [file])
    assert process.returncode == 0
    subprocess.run(["git", "-C", str(folder), "reset", "--quiet", "--hard", "main"], check=True)
    return counts


def _measure(folder: Path, commits: int, files: int) -> None:
    from ksecrets.operations.history.log import log

    counts = make(folder, commits, files)
    for words in (["log", "--raw", "--format=%H"], ["log", "-p"]):
        start = time.perf_counter()
        subprocess.run(["git", "-C", str(folder), *words], check=True, stdout=subprocess.DEVNULL)
        print(f"git {words[1]:6} {time.perf_counter() - start:6.2f} s")
    start = time.perf_counter()
    found: dict[str, int] = {}
    for entry in log(str(folder)):
        for touched in entry.files:
            for step in touched.steps:
                found[step.kind] = found.get(step.kind, 0) + int(step.secret)
    print(f"ksecrets   {time.perf_counter() - start:6.2f} s  {found}")
    print(f"as made              {counts}")


if __name__ == "__main__":
    _measure(Path(sys.argv[1]), *(int(word) for word in sys.argv[2:4] or ("5000", "200")))
