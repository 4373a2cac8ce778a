"""Made-up Helm values, as people write them: the same text for the same size, on every machine.

``python -m bench.inputs BYTES FILE [SEED [SHAPE]]`` writes one file. The bench calls it as a process of its own,
because the peak memory that the system reports for a child begins at what its parent had used before (see
`bench.measure`).
"""

from __future__ import annotations

import random
import sys

_WORDS = (
    "account",
    "api",
    "audit",
    "auth",
    "backup",
    "batch",
    "billing",
    "cache",
    "cart",
    "catalog",
    "checkout",
    "cluster",
    "config",
    "consumer",
    "crm",
    "customer",
    "data",
    "delivery",
    "edge",
    "email",
    "events",
    "export",
    "feed",
    "files",
    "gateway",
    "geo",
    "history",
    "image",
    "import",
    "index",
    "inventory",
    "invoice",
    "job",
    "ledger",
    "login",
    "mail",
    "media",
    "metrics",
    "mobile",
    "notify",
    "orders",
    "partner",
    "payment",
    "portal",
    "price",
    "profile",
    "proxy",
    "queue",
    "rating",
    "refund",
    "report",
    "search",
    "session",
    "shipping",
    "signup",
    "stock",
    "store",
    "stream",
    "sync",
    "tax",
    "ticket",
    "tracking",
    "user",
    "video",
    "vote",
    "wallet",
    "web",
    "worker",
)
_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


def values_yaml(size: int, seed: int = 1) -> str:
    """YAML text of about `size` bytes (never less, at most one service more): a mapping of services.

    Two values stand first and always at the same place: ``first.password`` (str) and ``first.replicas`` (int).
    """
    chance = random.Random(seed)
    parts = [
        "# Values of the platform; each service has its block.\n"
        "first:\n"
        "  replicas: 3\n"
        f'  password: "{_secret(chance, 24)}"   # rotated every 90 days\n'
    ]
    length = len(parts[0])
    number = 0
    while length < size:
        number += 1
        # A small file ends with a few plain lines, not with a whole service.
        part = _service(chance, number) if size - length > 700 else f"setting{number}: {_secret(chance, 20)}\n"
        parts.append(part)
        length += len(part)
    return "".join(parts)


def _secret(chance: random.Random, length: int) -> str:
    return "".join(chance.choices(_LETTERS, k=length))


def _service(chance: random.Random, number: int) -> str:
    one, two, host = chance.choice(_WORDS), chance.choice(_WORDS), chance.choice(_WORDS)
    name = f"{one}-{two}-{number}"
    lines = [
        "",
        f"# {name}: owned by team {chance.choice(_WORDS)}",
        f"{name}:",
        f"  enabled: {chance.choice(('true', 'false'))}",
        f"  replicas: {chance.randint(1, 12)}",
        "  image:",
        f"    repository: registry.example.com/{one}/{two}",
        f'    tag: "{chance.randint(1, 9)}.{chance.randint(0, 20)}.{chance.randint(0, 9)}"',
        "  resources:",
        f"    requests: {{cpu: {chance.randint(1, 20) * 50}m, memory: {chance.randint(1, 16) * 64}Mi}}",
        "  database:",
        f"    host: {host}.db.internal",
        f"    port: {chance.choice((5432, 3306, 6379))}",
        f"    user: {one}_{two}",
        f"    password: '{_secret(chance, 20)}!:#'",
        f"    sampleRate: {chance.randint(1, 99) / 100}",
        "  env:",
    ]
    for _ in range(chance.randint(2, 6)):
        key = f"{chance.choice(_WORDS)}_{chance.choice(_WORDS)}".upper()
        lines += [f"    - name: {key}", f'      value: "{_secret(chance, chance.randint(8, 40))}"']
    if number % 5 == 0:
        lines += ["  license: |"] + [f"    {_secret(chance, 64)}" for _ in range(chance.randint(4, 12))]
    if number % 7 == 0:
        lines += ["  hosts:"] + [f"    - {host}-{n}.example.com" for n in range(chance.randint(2, 5))]
    return "\n".join(lines) + "\n"


def flat_yaml(size: int, seed: int = 1) -> str:
    """One mapping of short keys and tokens, as exported from a store of secrets."""
    chance = random.Random(seed)
    return "".join(f"KEY_{number:05d}: {_secret(chance, 32)}\n" for number in range(size // 44 + 1))


def certificates_yaml(size: int, seed: int = 1) -> str:
    """Few values and long ones: an application each with a password, an address and a certificate."""
    chance = random.Random(seed)
    parts: list[str] = []
    for number in range(size // 1000 + 1):
        address = f"postgres://{_secret(chance, 8)}:{_secret(chance, 20)}@db.example.com:5432/app?sslmode=require"
        lines = [f"app{number}:", f"  password: {_secret(chance, 32)}", f"  url: {address}", "  certificate: |"]
        parts += [f"{line}\n" for line in lines + [f"    {_secret(chance, 64)}" for _ in range(12)]]
    return "".join(parts)


SHAPES = {"services": values_yaml, "flat": flat_yaml, "certificates": certificates_yaml}

if __name__ == "__main__":
    seed = sys.argv[3] if len(sys.argv) > 3 else "1"
    shape = sys.argv[4] if len(sys.argv) > 4 else "services"
    with open(sys.argv[2], "w", encoding="utf-8", newline="") as file:
        file.write(SHAPES[shape](int(sys.argv[1]), int(seed)))
