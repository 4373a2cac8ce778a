"""The build of a wheel: the modules that see every value of a file are compiled, where a C compiler is at hand.

They are ordinary typed Python, and mypyc translates them as they stand: a megabyte of dense values is then decrypted in
two thirds of the time (docs/adr/0017). Without a compiler, or with KSECRETS_PURE=1, the wheel is pure Python and does
the same; an editable install always is. KSECRETS_PURE=0 makes a compiler that fails an error, for wheels that are
published.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

# What runs for every event of the parser, every scalar, every token.
COMPILED = {
    "files": ("choice", "opening", "relabel", "seal", "sopsreads", "walk"),
    "text": ("carrier", "comments", "events", "node", "resolve", "spans", "yaml"),
    "values": ("cipher", "mac", "residue", "seal", "token"),
}


class CompileHook(BuildHookInterface[Any]):
    """Puts the compiled modules beside their sources in the wheel."""

    PLUGIN_NAME = "custom"
    work: Path | None = None

    def dependencies(self) -> list[str]:
        """What the build needs for this, beside hatchling."""
        return [] if self._pure() else ["mypy>=1.18", "setuptools>=77"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, and tell the wheel that it is for this Python and this machine alone."""
        if version == "editable" or self._pure():
            return
        self.work = Path(tempfile.mkdtemp(prefix="ksecrets-build-"))
        try:
            built = compiled(Path(self.root), self.work)
        except (Exception, SystemExit) as error:
            if os.environ.get("KSECRETS_PURE") == "0":
                raise
            self.app.display_warning(f"not compiled, the wheel is pure Python: {type(error).__name__}: {error}")
            return
        build_data["pure_python"] = False
        build_data["infer_tag"] = True
        build_data["force_include"].update({str(path): name for name, path in built.items()})

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Take away what was built, which is in the wheel now."""
        if self.work is not None:
            shutil.rmtree(self.work, ignore_errors=True)

    @staticmethod
    def _pure() -> bool:
        return os.environ.get("KSECRETS_PURE", "") not in ("", "0") or sys.implementation.name != "cpython"


def compiled(root: Path, work: Path) -> dict[str, Path]:
    """The compiled modules of the sources in `root`: their names in the wheel, and where they stand in `work`."""
    from mypyc.build import mypycify  # type: ignore[import-not-found, unused-ignore]
    from setuptools import Distribution

    sources = [f"ksecrets/{folder}/{name}.py" for folder, names in COMPILED.items() for name in names]
    config = work / "mypy.ini"
    # What is not compiled is only looked at: the libraries that it imports are not there to be checked against.
    options = ("ignore_missing_imports = True", "explicit_package_bases = True", "follow_imports = silent")
    config.write_text("\n".join(("[mypy]", *options)) + "\n")
    here = os.getcwd()
    os.chdir(root)
    try:
        extensions = mypycify(
            ["--config-file", str(config), "--cache-dir", str(work / "mypy"), *sources],
            opt_level="2",
            multi_file=True,
            group_name="ksecrets",
            target_dir=str(work / "c"),
        )
        command: Any = Distribution({"name": "ksecrets", "packages": [], "ext_modules": extensions}).get_command_obj(
            "build_ext"
        )
        command.build_lib, command.build_temp = str(work / "lib"), str(work / "o")
        command.parallel = os.cpu_count() or 1
        command.ensure_finalized()
        command.run()
    finally:
        os.chdir(here)
    found = {str(path.relative_to(work / "lib").as_posix()): path for path in sorted((work / "lib").rglob("*.*"))}
    if len(found) != len(sources) + 1:
        raise RuntimeError(f"{len(found)} compiled files, {len(sources) + 1} expected")
    return found
