"""Rows about Helm: what a secrets file costs above plain `helm template` with the same values in plaintext."""

from __future__ import annotations

import filecmp
import os
import statistics
from collections.abc import Iterator, Mapping
from pathlib import Path

from bench import measure
from bench.measure import Command
from bench.rows import KB, Bench, Row, ms

FILES = (1, 10, 50)
# Limits beside helm-secrets with ten files: of the wrapper, and of the getter with its one process a file.
_GOALS = {("wrapper", 10): 1 / 5, ("getter", 10): 1 / 3}


def helm(bench: Bench) -> Iterator[Row]:
    """Every Helm at hand, with one, ten and fifty files.

    Beside ksecrets stands helm-secrets where a checkout was named, else the least that any wrapper around sops does:
    decrypt one file after the other, then run helm.
    """
    for name, program in bench.helms.items():
        here = _with_helm(bench, name, program)
        for count in FILES:
            yield from _rows(here, name, count)


def _with_helm(bench: Bench, name: str, program: str) -> Bench:
    """A home and a PATH of its own for each Helm: the plugins of one do not suit the other."""
    links = bench.folder(f"{name}-bin")
    (links / "helm").unlink(missing_ok=True)
    (links / "helm").symlink_to(program)
    home = bench.folder(f"{name}-home")
    env = {
        "PATH": f"{links}{os.pathsep}{bench.env['PATH']}",
        "HELM_BIN": program,
        **{f"HELM_{kind}_HOME": str(home / kind.lower()) for kind in ("CACHE", "CONFIG", "DATA")},
    }
    here = Bench(bench.work, bench.ksecrets, bench.sops, {}, bench.recipient, bench.pairs, {**bench.env, **env})
    here.helm_secrets = bench.helm_secrets
    here.do("ksecrets", "helm", "install-plugin")
    return here


def _rows(bench: Bench, name: str, count: int) -> Iterator[Row]:
    files = [bench.inputs(1 * KB, seed) for seed in range(1, count + 1)]
    chart = _chart(bench)

    def template(which: int, *before: str, scheme: str = "", env: Mapping[str, str] | None = None) -> Command:
        chosen = [word for each in files for word in ("-f", f"{scheme}{each[which]}")]
        return bench.command("helm", *before, "template", "bench", str(chart), *chosen, env=env)

    loop = "".join(f"sops decrypt '{each[1]}' >'{bench.work}/dec-{n}.yaml' && " for n, each in enumerate(files))
    decrypted = " ".join(f"-f '{bench.work}/dec-{n}.yaml'" for n in range(count))
    commands = {
        "plain": template(0),
        "loop": bench.command("sh", "-c", f"{loop}helm template bench '{chart}' {decrypted}"),
        "wrapper": template(2, "secrets"),
        "getter": template(2, scheme="secrets://"),
    }
    if bench.helm_secrets is not None:
        env = _their_environment(bench, name)
        commands["their wrapper"] = template(1, "secrets", env=env)
        commands["their getter"] = template(1, scheme="secrets://", env=env)
    _same_output(bench, commands)
    samples = bench.in_turns(commands, max(2, bench.pairs // 2 if count <= 10 else bench.pairs // 10))
    plain = [sample.wall for sample in samples["plain"]]
    above = {
        key: statistics.median(sample.wall - base for sample, base in zip(samples[key], plain, strict=True))
        for key in samples
    }
    for key in ("wrapper", "getter"):
        theirs = f"their {key}" if bench.helm_secrets is not None else "loop"
        goal = _GOALS.get((key, count)) if bench.helm_secrets is not None else None
        beside = "helm-secrets" if bench.helm_secrets is not None else "a loop of sops"
        what = f"{count} secrets file{'s' if count > 1 else ''}"
        work = f"`helm template`, {what}, above plain {name} ({ms(statistics.median(plain))}): {key} beside {beside}"
        yield Row(work, ms(above[theirs]), ms(above[key]), above[key] / above[theirs], goal, len(plain))


def _chart(bench: Bench) -> Path:
    chart = bench.folder("chart")
    (chart / "templates").mkdir(exist_ok=True)
    (chart / "Chart.yaml").write_text("apiVersion: v2\nname: bench\nversion: 0.1.0\n")
    (chart / "templates/values.yaml").write_text("{{ toYaml .Values }}\n")
    return chart


def _their_environment(bench: Bench, name: str) -> dict[str, str]:
    """The plugin folder of the checkout: one plugin for Helm 3, its parts for Helm 4."""
    assert bench.helm_secrets is not None
    plugins = bench.folder(f"{name}-helm-secrets")
    checkout = Path(bench.helm_secrets)
    parts = [checkout] if name == "helm3" else [checkout / f"plugins/helm-secrets-{part}" for part in ("cli", "getter")]
    for part in parts:
        if not (plugins / part.name).is_symlink():
            (plugins / part.name).symlink_to(part, target_is_directory=True)
    return {"HELM_PLUGINS": str(plugins), "HELM_SECRETS_QUIET": "true"}


def _same_output(bench: Bench, commands: Mapping[str, Command]) -> None:
    expected = None
    for name, command in commands.items():
        shown = bench.work / f"template-{name.replace(' ', '-')}"
        bench.run_once(command, shown)
        expected = expected or shown
        if not filecmp.cmp(expected, shown, shallow=False):
            raise measure.RunFailed(f"helm's output differs: {name}")
