"""The command line that starts this very ksecrets, from anywhere: what git and Helm are told to call.

``PYTHON -I -S .../ksecrets/__main__.py``. `-I` and absolute paths: no module of the working folder, of PYTHONPATH or of
the user's site can step in. `-S` leaves out the search for site packages, a quarter of the interpreter's start;
`__main__` finds the packages beside itself. The interpreter's path is not resolved: in a virtual environment the link
is what leads to its packages.
"""

from __future__ import annotations

import os
import sys

from ksecrets.errors import KsecretsError


def command() -> list[str]:
    """The words of the command, to be followed by a command line of ksecrets."""
    start = os.path.join(os.path.dirname(os.path.abspath(__file__)), "__main__.py")
    if not sys.executable or not os.path.isfile(start):
        raise KsecretsError("cannot tell others how to start ksecrets: its own files are not on a disk")
    return [os.path.abspath(sys.executable), "-I", "-S", start]
