"""The file that git and Helm start: ``python -I -S /.../ksecrets/__main__.py ...``, and ``python -m ksecrets``.

Without site packages (`-S`), what stands beside the package is put on the path; where that is not enough (a source
tree, an editable install), the site packages are set up as ever. In an isolated Python an installed package is found as
always. In a source tree that is not installed, the folder above this file is looked in, last, so that nothing in it
hides another module; the working folder never is.
"""

from __future__ import annotations

import os
import sys


def _start() -> int:
    # Started as a file, Python puts this very folder first on the path, unless it is isolated.
    here = os.path.dirname(os.path.abspath(__file__))
    if sys.path and sys.path[0] == here:
        del sys.path[0]
    if sys.flags.no_site:
        beside = os.path.dirname(here)
        if os.path.isdir(os.path.join(beside, "pyrage")) and os.path.isdir(os.path.join(beside, "yaml")):
            sys.path.append(beside)
        else:
            import site

            site.main()
    try:
        from ksecrets.cli.main import main
    except ModuleNotFoundError as error:
        if error.name != "ksecrets":
            raise
        sys.path.append(os.path.dirname(here))
        from ksecrets.cli.main import main
    return main()


if __name__ == "__main__":
    sys.exit(_start())
