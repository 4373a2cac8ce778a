"""A thousand files whose keys stand in a service 50 milliseconds away: asked for side by side, each data key once."""

from __future__ import annotations

import binascii
import json
import math
import os
import resource
import threading
import time
from collections.abc import Iterator

import pytest

from ksecrets.envelope.metadata import Extension, Metadata
from ksecrets.envelope.parallel import LIMIT
from ksecrets.envelope.recipient import Stanza
from ksecrets.files.seal import seal_text
from ksecrets.values.cipher import DataKey
from tests.conftest import Cli, Repo
from tests.keys.faulty import Answer, Faulty, Request, faulty
from tests.verified import LONG, record, rounds

ARN = "arn:aws:kms:eu-west-1:123456789012:key/00000000-0000-4000-8000-000000000000"
OTHERS = [ARN[:-1] + digit for digit in "12"]
LATENCY = 0.05
MANY = rounds(150, 1000)
PLAIN = "db:\n  password: correct horse\n"
NOW = "2026-11-21T09:52:25Z"


class Kms:
    """A stand-in that answers `Encrypt` and `Decrypt` at once, or after a while. It keeps count, and no secrets."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.latency = 0.0
        self.asked = {"Encrypt": 0, "Decrypt": 0}
        self.denied: set[str] = set()
        self.under_way = self.most = 0

    def __call__(self, proxy: Faulty, _handler: object, request: Request, _ask: object) -> Answer:
        action = request.headers["x-amz-target"].rpartition(".")[2]
        with self.lock:
            self.asked[action] += 1
            self.under_way += 1
            self.most = max(self.most, self.under_way)
        if self.latency:
            time.sleep(self.latency)
        with self.lock:
            self.under_way -= 1
        question = json.loads(request.body)
        if question["KeyId"] in self.denied:
            proxy.seen.clear()
            return Answer(400, {}, b'{"__type": "AccessDeniedException", "message": "no"}')
        if action == "Encrypt":
            plain = binascii.a2b_base64(question["Plaintext"])
            answer = {"CiphertextBlob": binascii.b2a_base64(b"wrapped:" + plain[::-1], newline=False).decode()}
        else:
            wrapped = binascii.a2b_base64(question["CiphertextBlob"]).removeprefix(b"wrapped:")
            answer = {"Plaintext": binascii.b2a_base64(wrapped[::-1], newline=False).decode()}
        proxy.seen.clear()
        return Answer(200, {}, json.dumps({"KeyId": ARN, **answer}).encode())


@pytest.fixture
def kms(monkeypatch: pytest.MonkeyPatch) -> Iterator[Kms]:
    with faulty("http://127.0.0.1:9") as proxy:
        made = Kms()
        proxy.always = made  # type: ignore[assignment]
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIATEST")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        yield made


RULES = f"""version: 1
recipients:
  aws: {{aws-kms: "{ARN}"}}
environments:
  prod:
    files: ["**/secrets.yaml"]
    readers: [aws]
"""


def groups_of(keys: list[list[str]], threshold: int) -> str:
    """A .sops.yaml whose files `threshold` of these groups of keys open together, or any of one group."""
    lines = [
        "creation_rules:",
        "  - path_regex: secrets.yaml$",
        f"    shamir_threshold: {threshold}",
        "    key_groups:",
    ]
    for group in keys:
        lines += ["      - kms:", *(f"          - arn: {arn}" for arn in group)]
    return "\n".join([*lines, ""])


def files(repo: Repo, count: int) -> list[str]:
    """A repository of so many files, each with a data key of its own."""
    repo.write(".ksecrets.yaml", RULES)
    repo.commit("rules")
    names = [f"app{number}/secrets.yaml" for number in range(count)]
    for name in names:
        repo.write(name, "")

    for name in names:
        key = DataKey.new()
        plain = key.wrapped_by(lambda raw: binascii.b2a_base64(b"wrapped:" + raw[::-1], newline=False).decode())
        fields = {"arn": ARN, "created_at": NOW, "enc": plain, "aws_profile": ""}
        metadata = Metadata(
            lastmodified=NOW,
            mac="",
            version="3.13.3",
            groups=((Stanza("kms", fields),),),
            extension=Extension(kid=key.kid, environment="prod", path=name),
        )
        (repo.path / name).write_text(seal_text(PLAIN, data_key=key, metadata=metadata).text)
    repo.commit("encrypted")
    return names


def allowed(count: int) -> float:
    """Seconds for so many questions: what the latency costs at this many at a time, half of it again, and two."""
    return 1.5 * math.ceil(count / LIMIT) * LATENCY + 2


def test_check_asks_side_by_side(repo: Repo, cli: Cli, kms: Kms) -> None:
    """The time that it may take holds in the long suite, for a machine of its own: elsewhere others compute, too."""
    names = files(repo, MANY)
    kms.asked["Decrypt"] = kms.most = 0
    kms.latency = LATENCY
    began, used = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    done = cli("check").ok()
    took = time.monotonic() - began
    used = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - used
    assert f"{MANY} files" in done.stdout + done.stderr
    assert kms.asked["Decrypt"] == len(names)
    assert LIMIT / 2 < kms.most <= LIMIT
    load = os.getloadavg()[0]
    record(
        f"check of {MANY:,} files through a KMS {LATENCY * 1000:.0f} ms away",
        f"{took:.1f} s (processor {used:.1f} s, load {load:.1f}; alone {allowed(MANY):.1f} s are allowed)",
    )
    if LONG:
        assert took < allowed(MANY) * max(1.0, load / (os.cpu_count() or 1))


def test_updatekeys_and_rotate_ask_side_by_side(repo: Repo, cli: Cli, kms: Kms) -> None:
    names = files(repo, rounds(40, 1000))
    kms.asked.update(Encrypt=0, Decrypt=0)
    kms.most = 0
    kms.latency = LATENCY
    cli("rotate").ok()
    assert kms.asked == {"Encrypt": len(names), "Decrypt": len(names)}
    assert kms.most > 4


def test_key_groups_are_asked_side_by_side(repo: Repo, cli: Cli, kms: Kms) -> None:
    """Two of three groups open a file: each file costs two questions, one more where a group says no."""
    repo.write(".sops.yaml", groups_of([[ARN], [OTHERS[0]], [OTHERS[1]]], 2))
    repo.commit("rules")
    names = [f"app{number}/secrets.yaml" for number in range(20)]
    for name in names:
        repo.write(name, PLAIN)
    cli("encrypt", "-i", names).ok()
    kms.latency, kms.most = LATENCY, 0
    kms.asked["Decrypt"] = 0
    assert f"{len(names)} verified" in cli("check").ok().stdout
    assert kms.asked["Decrypt"] == 2 * len(names)
    assert 4 < kms.most <= LIMIT
    kms.denied, kms.asked["Decrypt"] = {ARN}, 0
    assert f"{len(names)} verified" in cli("check").ok().stdout
    assert kms.asked["Decrypt"] == 3 * len(names)
    kms.denied, kms.asked["Decrypt"] = {ARN, OTHERS[0]}, 0
    failed = cli("check").ok()
    assert (failed.stdout + failed.stderr).count("access denied") >= len(names)
    # the third group alone would not be enough, and nobody is asked again when it is a file's turn
    assert kms.asked["Decrypt"] == 2 * len(names)


def test_the_reader_that_opened_one_file_is_asked_first_for_the_next(repo: Repo, cli: Cli, kms: Kms) -> None:
    repo.write(".sops.yaml", groups_of([[ARN, OTHERS[0]]], 1))
    repo.commit("rules")
    names = [f"app{number}/secrets.yaml" for number in range(2 * LIMIT)]
    for name in names:
        repo.write(name, PLAIN)
    cli("encrypt", "-i", names).ok()
    kms.denied, kms.asked["Decrypt"] = {ARN}, 0
    assert f"{len(names)} verified" in cli("check").ok().stdout
    assert len(names) < kms.asked["Decrypt"] <= len(names) + LIMIT
    kms.latency, kms.most = LATENCY, 0
    cli("decrypt", "-i", names).ok()
    assert 4 < kms.most <= LIMIT


def test_a_service_that_cannot_be_reached_costs_its_time_once(repo: Repo, cli: Cli, kms: Kms) -> None:
    names = files(repo, 30)
    environ = {"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "KSECRETS_KEY_TIMEOUT": "2"}
    began = time.monotonic()
    done = cli("check", env=environ)
    assert time.monotonic() - began < 30  # one after the other, a minute
    assert (done.stdout + done.stderr).count("cannot be reached") >= len(names)
    before = {name: (repo.path / name).read_bytes() for name in names}
    failed = cli("rotate", env=environ)
    assert failed.code != 0
    assert "30 failed" in failed.stderr
    assert {name: (repo.path / name).read_bytes() for name in names} == before


def test_helm_gets_its_files_side_by_side(repo: Repo, cli: Cli, kms: Kms, helm4: str) -> None:
    names = files(repo, 12)
    chart = repo.path / "chart"
    (chart / "templates").mkdir(parents=True)
    (chart / "Chart.yaml").write_text("apiVersion: v2\nname: app\nversion: 0.1.0\n")
    (chart / "templates/a.yaml").write_text("value: {{ .Values.db.password }}\n")
    kms.latency = 0.4
    kms.most = 0
    words = [word for name in names for word in ("-f", name)]
    done = cli("helm", "wrap", "template", "x", chart, *words, env={"HELM_BIN": helm4})
    assert "value: correct horse" in done.ok().stdout
    assert kms.asked["Decrypt"] == len(names)
    assert kms.most > 4
