"""A long history of encrypted files, as a stream for `git fast-import`.

``python -m bench.commits TEMPLATE COMMITS FILES OUT``: the first has FILES copies of an encrypted file, TEMPLATE;
each later one gives one of them another token, another date and another MAC, as a changed value does. The tokens are
random and open for nobody: what reads histories reads them without a key.
"""

from __future__ import annotations

import base64
import random
import re
import sys

_TOKEN = re.compile(r"ENC\[AES256_GCM,data:([^,]*),iv:[^,]*,tag:[^,]*,type:str\]")


def _token(chance: random.Random, length: int) -> str:
    data, iv, tag = (base64.b64encode(chance.randbytes(size)).decode() for size in (length, 32, 16))
    return f"ENC[AES256_GCM,data:{data},iv:{iv},tag:{tag},type:str]"


def main(template: str, commits: int, files: int, out: str) -> None:
    chance = random.Random(1)
    with open(template, encoding="utf-8", newline="") as file:
        text = file.read()
    body, _, block = text.partition("\nsops:")
    versions = [body] * files
    with open(out, "w", encoding="utf-8", newline="") as stream:
        for number in range(commits):
            stream.write(
                f"commit refs/heads/main\ncommitter bench <bench@example.org> {1_700_000_000 + number} +0000\n"
            )
            message = f"change {number}\n"
            stream.write(f"data {len(message)}\n{message}")
            for which in range(files) if number == 0 else [chance.randrange(files)]:
                found = chance.choice(list(_TOKEN.finditer(versions[which])))
                length = len(base64.b64decode(found[1]))
                versions[which] = (
                    versions[which][: found.start()] + _token(chance, length) + versions[which][found.end() :]
                )
                date = f"20{number % 90 + 10}-01-01T00:00:00Z"
                behind = re.sub(r"lastmodified: \S+", f'lastmodified: "{date}"', block, count=1)
                behind = re.sub(r"mac: \S+", f"mac: {_token(chance, 128)}", behind, count=1)
                whole = f"{versions[which]}\nsops:{behind}".encode()
                path = f"services/s{which // 20}/dev/secrets{which}.yaml"
                stream.write(f"M 100644 inline {path}\ndata {len(whole)}\n{whole.decode()}\n")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
