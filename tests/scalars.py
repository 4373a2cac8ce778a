"""The hand-made scalar sources of tests/vectors: every form and style that a values file holds."""

from __future__ import annotations

from pathlib import Path

_VECTORS = Path(__file__).parent / "vectors"


def sources(name: str = "scalars") -> list[str]:
    """The scalar sources of ``tests/vectors/NAME.txt``, each as it stands behind ``key: `` in a block mapping.

    ``scalars``: what sops reads; ``scalars_refused``: what libyaml accepts and sops refuses. One a line; a ``⏎``
    stands for a line break (its following lines are indented), a line that starts with ``##`` is a comment.
    """
    lines = (_VECTORS / f"{name}.txt").read_text(encoding="utf-8").split("\n")
    return [line.replace("⏎", "\n") for line in lines if line and not line.startswith("##")]
