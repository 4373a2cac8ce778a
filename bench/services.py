"""Rows about keys in a service on the network: one value through moto's AWS KMS, many files through one 50 ms away."""

from __future__ import annotations

import contextlib
import http.client
import json
import math
import shutil
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from bench import measure
from bench.rows import Bench, Row, ms

MANY = 1_000
LATENCY = 0.05  # seconds
_AT_A_TIME = 16  # ksecrets.envelope.parallel.LIMIT
_ROOT = Path(__file__).resolve().parent.parent
_ARN = "arn:aws:kms:eu-west-1:123456789012:key/00000000-0000-4000-8000-000000000000"
_TEXT = "db:\n  user: app\n  password: s3cret-{number}\nreplicas: 3\n"


def services(bench: Bench) -> Iterator[Row]:
    """`get` through moto, if `./dev peers` has installed it; `check` of many files through a stand-in that is slow."""
    where = subprocess.run(
        ["sh", "tests/peers/build.sh", "--where"], cwd=_ROOT, capture_output=True, text=True, check=True
    )
    moto = shutil.which(str(Path(where.stdout.strip()) / "bin/moto_server"))
    if moto is not None:
        with _moto(moto) as url:
            yield _one(bench, url)
    with _slow(LATENCY) as slow, _slow(0) as quick:
        yield _many(bench, slow, quick)


def _one(bench: Bench, url: str) -> Row:
    environ = _environ(url)
    repo = _repository(bench, "kms-one", _new_key(url))
    path = repo / "secrets.yaml"
    path.write_text(_TEXT.format(number=1))
    bench.run_once(bench.command("ksecrets", "encrypt", "-i", str(path), cwd=repo, env=environ))
    pair = {
        "sops": bench.command("sops", "decrypt", "--extract", '["db"]["password"]', str(path), cwd=repo, env=environ),
        "ksecrets": bench.command("ksecrets", "get", str(path), "db.password", cwd=repo, env=environ),
    }
    samples = bench.in_turns(pair)
    theirs, ours = ([sample.wall for sample in samples[name]] for name in ("sops", "ksecrets"))
    return Row(
        "get one value of 1 KB, its key in AWS KMS (moto)",
        ms(statistics.median(theirs)),
        ms(statistics.median(ours)),
        measure.median_ratio(ours, theirs),
        None,
        len(ours),
    )


def _many(bench: Bench, slow: str, quick: str) -> Row:
    repo = _repository(bench, "kms-many", _ARN)
    names = [f"app{number}/secrets.yaml" for number in range(MANY)]
    for number, name in enumerate(names):
        (repo / name).parent.mkdir()
        (repo / name).write_text(_TEXT.format(number=number))
    for start in range(0, MANY, 250):
        words = ("--quiet", "encrypt", "-i", *names[start : start + 250])
        bench.run_once(bench.command("ksecrets", *words, cwd=repo, env=_environ(quick)))
    command = bench.command("ksecrets", "check", cwd=repo, env=_environ(slow))
    rounds = max(1, bench.pairs // 10)
    wall = statistics.median(measure.run(command, str(bench.work / "stderr")).wall for _ in range(rounds))
    goal = 1.5 * math.ceil(MANY / _AT_A_TIME) * LATENCY + 2
    # In the column of the peer stands what is to be reached.
    work = f"`check` of {MANY:,} files, a KMS {LATENCY * 1000:.0f} ms away (beside the goal)"
    return Row(work, ms(goal), ms(wall), wall / goal, 1.0, rounds)


def _repository(bench: Bench, name: str, arn: str) -> Path:
    repo = bench.folder(name)
    bench.do("git", "init", "--quiet", cwd=repo)
    (repo / ".ksecrets.yaml").write_text(
        f'version: 1\nrecipients:\n  aws: {{aws-kms: "{arn}"}}\nenvironments:\n'
        "  prod: {files: ['**/secrets.yaml'], readers: [aws]}\n"
    )
    bench.do("git", "add", "--all", cwd=repo)
    bench.do("git", "commit", "--quiet", "-m", "rules", cwd=repo)
    return repo


def _environ(url: str) -> Mapping[str, str]:
    return {"AWS_ENDPOINT_URL": url, "AWS_ACCESS_KEY_ID": "AKIABENCH", "AWS_SECRET_ACCESS_KEY": "of-a-bench"}


@contextlib.contextmanager
def _slow(latency: float) -> Iterator[str]:
    with subprocess.Popen(
        [sys.executable, "-m", "bench.kms", str(latency)], cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as server:
        assert server.stdout is not None
        yield f"http://127.0.0.1:{int(server.stdout.readline())}"
        # the end of its standard input ends it


@contextlib.contextmanager
def _moto(program: str) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [program, "-H", "127.0.0.1", "-p", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        end = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                if server.poll() is not None or time.monotonic() > end:
                    raise measure.RunFailed("moto_server did not start") from None
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(10)


def _new_key(url: str) -> str:
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=20)
    credential = "Credential=AKIABENCH/20260101/eu-west-1/kms/aws4_request, SignedHeaders=host, Signature=00"
    headers = {
        "Content-Type": "application/x-amz-json-1.1",
        "X-Amz-Target": "TrentService.CreateKey",
        "Authorization": f"AWS4-HMAC-SHA256 {credential}",
    }
    connection.request("POST", "/", "{}", headers)
    arn = json.loads(connection.getresponse().read())["KeyMetadata"]["Arn"]
    connection.close()
    return str(arn)
