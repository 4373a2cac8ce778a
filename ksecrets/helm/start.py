"""The command line that starts this very ksecrets, from anywhere."""

from __future__ import annotations

import os
import sys

from ksecrets.errors import KsecretsError


def command() -> list[str]:
    """``PYTHON -I .../ksecrets/__main__.py``: isolated, by absolute paths.

    No module of the working folder, of PYTHONPATH or of the user's site can step in. The
    interpreter's path is not resolved: in a virtual environment the link is what makes it find its packages.
    """
    start = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "__main__.py")
    if not sys.executable or not os.path.isfile(start):
        raise KsecretsError("cannot tell how to start ksecrets: its own files are not on a disk")
    return [os.path.abspath(sys.executable), "-I", start]
