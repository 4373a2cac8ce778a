"""A service that fails at random under every command that uses a key: no file is lost, and none is half of anything."""

from __future__ import annotations

import json
import os
import random
import subprocess
from base64 import b64encode
from pathlib import Path

import pytest

from tests.conftest import Cli, Repo
from tests.keys.faulty import Fault, Faulty, cut, delay, faulty, hang, honest, rewrite, status, truncate
from tests.services import Aws, Vault
from tests.stories.test_remote_keys import PLAIN, config, transit
from tests.verified import LONG, record, rounds

ROUNDS = rounds(4, 30)
FILES = [f"prod/{name}.yaml" for name in "abcd"]


def lie(body: bytes) -> bytes:
    """Another data key, of the right length, wherever the service gives one."""
    answer = json.loads(body)
    key = b64encode(os.urandom(32)).decode()
    if "plaintext" in answer.get("data", {}):
        answer["data"]["plaintext"] = key
    elif "Plaintext" in answer:
        answer["Plaintext"] = key
    return json.dumps(answer).encode()


FAULTS: list[Fault] = [
    cut,
    truncate,
    delay(0.1),
    hang,
    rewrite(lie),
    rewrite(lambda body: body[: len(body) // 2]),
    status(400, b'{"errors": ["nonsense"]}'),
    status(403, b'{"errors": ["permission denied"]}'),
    status(429, b"{}"),
    status(500, b"<html>"),
    status(503, b'{"errors": ["Vault is sealed"]}'),
    status(307, b"", Location="http://127.0.0.1:9/"),
]
COMMANDS = [
    ["rotate"],
    ["updatekeys"],
    ["set", FILES[0], "db.user"],
    ["get", FILES[1], "db.password"],
    ["decrypt", FILES[2]],
    ["check"],
]


@pytest.mark.parametrize("which", ["aws", "vault"])
def test_no_fault_loses_anything(
    which: str, repo: Repo, cli: Cli, sops: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Whatever happens in between: what a file held, it holds afterwards, to us and to sops, unless `set` said it."""
    service: Aws | Vault = request.getfixturevalue(which)
    dice = random.Random(6)
    with faulty(service.url) as proxy:
        if isinstance(service, Vault):
            recipient = f"{{hc-vault: {transit(service, service.new_key(), proxy.url)}}}"
            environ = {**service.environ(), "VAULT_ADDR": proxy.url}
        else:
            recipient = f'{{aws-kms: "{service.new_key()}"}}'
            environ = {**service.environ(), "AWS_ENDPOINT_URL": proxy.url}
        environ["KSECRETS_KEY_TIMEOUT"] = "1"
        repo.write(".ksecrets.yaml", config(f"cloud: {recipient}"))
        repo.commit("rules")
        for name in FILES:
            repo.write(name, PLAIN)
        cli("encrypt", "-i", FILES, env={**environ, "KSECRETS_KEY_TIMEOUT": "20"}).ok()
        repo.commit("encrypted")
        held = dict.fromkeys(FILES, PLAIN)
        failures = 0
        for _ in range(ROUNDS):
            words = dice.choice(COMMANDS)
            calm = dice.random()

            def fault(*of: object, calm: float = calm) -> object:
                return (honest if dice.random() < calm else dice.choice(FAULTS))(*of)  # type: ignore[arg-type]

            proxy.always = fault  # type: ignore[assignment]
            done = cli(words, input="changed" if words[0] == "set" else "", env=environ)
            proxy.always = honest
            assert "Traceback" not in done.stderr
            assert done.code in (0, 1, 4, 5, 6), str(done)
            failures += done.code != 0
            if words[0] == "set" and done.code == 0:
                held[FILES[0]] = held[FILES[0]].replace("user: app", "user: changed")
            if words[0] in ("get", "decrypt") and done.code:
                assert done.stdout == ""
            intact(held, proxy, cli, sops, environ)
        record(f"{ROUNDS} commands with a failing {type(service).__name__}", f"{failures} failed, nothing lost")
        # nothing half written lies about
        assert {path.name for path in (repo.path / "prod").iterdir()} == {Path(name).name for name in FILES}


def intact(held: dict[str, str], proxy: Faulty, cli: Cli, sops: str, environ: dict[str, str]) -> None:
    """Every file opens and holds its values."""
    calm = {**environ, "KSECRETS_KEY_TIMEOUT": "20"}
    checked = cli("check", env=calm)
    assert f"{len(held)} verified" in checked.ok().stdout, str(checked)
    asked = FILES[::2] if LONG else FILES[:1]
    for name in asked:
        assert cli("decrypt", name, env=calm).ok().stdout == held[name]
    opened = subprocess.run(
        [sops, "decrypt", asked[-1]], env={**os.environ, **calm}, capture_output=True, text=True, check=True
    )
    assert ("user: changed" in opened.stdout) == ("user: changed" in held[asked[-1]])
