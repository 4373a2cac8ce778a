"""Encrypted GitOps secrets: the values of YAML files, encrypted one by one, every other byte kept.

The way of the data, and of the folders::

    text --text/--> scalars --rules/--> chosen scalars --values/--> tokens --splice--> encrypted text
                                            |  data key
                                            +--envelope/, keys/--> data key wrapped for its readers --> metadata block

`files` is that pipe for one whole file, both ways. `operations` are the use cases over it, one a module, and the names
below are those use cases: they are the whole public API, and all that the command line uses. `cli`, `helm` and
`gitting` are what people, Helm and git call; `repository` is what we ask of git.

    >>> import ksecrets
    >>> session = ksecrets.Session()                     # identities as sops finds them, plus KSECRETS_*
    >>> ksecrets.decrypt("env/prod/secrets.yaml", session=session).text
    >>> ksecrets.set("env/prod/secrets.yaml", "db.password", "new", session=session)

Every function raises `ksecrets.errors.KsecretsError` or a subclass of it, with file, line and path, and without any
secret in its text.
"""

from __future__ import annotations

from ksecrets._version import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ksecrets.errors import KsecretsError
    from ksecrets.operations.asked import Asked
    from ksecrets.operations.change import set, unset
    from ksecrets.operations.check import Finding, Report, check
    from ksecrets.operations.decrypt import Decrypted, decrypt
    from ksecrets.operations.diff import Change, FileDiff, diff
    from ksecrets.operations.doctor import doctor
    from ksecrets.operations.edit import edit
    from ksecrets.operations.encrypt import encrypt
    from ksecrets.operations.environment import environment
    from ksecrets.operations.explain import Explained, explain
    from ksecrets.operations.export import export_sops
    from ksecrets.operations.filestatus import filestatus
    from ksecrets.operations.get import get
    from ksecrets.operations.guard import guard
    from ksecrets.operations.history.blame import blame
    from ksecrets.operations.history.drift import drift
    from ksecrets.operations.history.log import log
    from ksecrets.operations.history.report import report
    from ksecrets.operations.history.scan import scan
    from ksecrets.operations.info import Info, info
    from ksecrets.operations.merging.merge import Merged, merge
    from ksecrets.operations.merging.resolve import resolve
    from ksecrets.operations.merging.sync import Synced, sync
    from ksecrets.operations.people.access import access
    from ksecrets.operations.people.exposure import exposure
    from ksecrets.operations.people.grant import grant
    from ksecrets.operations.people.recovery import recovery_add, recovery_test
    from ksecrets.operations.people.request import request
    from ksecrets.operations.people.revoke import revoke
    from ksecrets.operations.review.judge import review
    from ksecrets.operations.rotate import rotate
    from ksecrets.operations.seal import seal
    from ksecrets.operations.session import Session
    from ksecrets.operations.setup import env_add, git_setup, init, keygen
    from ksecrets.operations.updatekeys import updatekeys, updatekeys_all
    from ksecrets.operations.writing import Encrypted

# Names are looked up when they are first used: git and Helm start us for one of them at a time.
_MODULES = {
    "Asked": "operations.asked",
    "Change": "operations.diff",
    "Decrypted": "operations.decrypt",
    "Encrypted": "operations.writing",
    "Explained": "operations.explain",
    "FileDiff": "operations.diff",
    "Finding": "operations.check",
    "Info": "operations.info",
    "KsecretsError": "errors",
    "Merged": "operations.merging.merge",
    "Report": "operations.check",
    "Session": "operations.session",
    "Synced": "operations.merging.sync",
    "access": "operations.people.access",
    "blame": "operations.history.blame",
    "check": "operations.check",
    "decrypt": "operations.decrypt",
    "diff": "operations.diff",
    "doctor": "operations.doctor",
    "drift": "operations.history.drift",
    "edit": "operations.edit",
    "encrypt": "operations.encrypt",
    "env_add": "operations.setup",
    "environment": "operations.environment",
    "explain": "operations.explain",
    "export_sops": "operations.export",
    "exposure": "operations.people.exposure",
    "filestatus": "operations.filestatus",
    "get": "operations.get",
    "git_setup": "operations.setup",
    "grant": "operations.people.grant",
    "guard": "operations.guard",
    "info": "operations.info",
    "init": "operations.setup",
    "keygen": "operations.setup",
    "log": "operations.history.log",
    "merge": "operations.merging.merge",
    "recovery_add": "operations.people.recovery",
    "recovery_test": "operations.people.recovery",
    "report": "operations.history.report",
    "request": "operations.people.request",
    "resolve": "operations.merging.resolve",
    "review": "operations.review.judge",
    "revoke": "operations.people.revoke",
    "rotate": "operations.rotate",
    "scan": "operations.history.scan",
    "seal": "operations.seal",
    "set": "operations.change",
    "sync": "operations.merging.sync",
    "unset": "operations.change",
    "updatekeys": "operations.updatekeys",
    "updatekeys_all": "operations.updatekeys",
}

__all__ = [
    "Asked",
    "Change",
    "Decrypted",
    "Encrypted",
    "Explained",
    "FileDiff",
    "Finding",
    "Info",
    "KsecretsError",
    "Merged",
    "Report",
    "Session",
    "Synced",
    "__version__",
    "access",
    "blame",
    "check",
    "decrypt",
    "diff",
    "doctor",
    "drift",
    "edit",
    "encrypt",
    "env_add",
    "environment",
    "explain",
    "export_sops",
    "exposure",
    "filestatus",
    "get",
    "git_setup",
    "grant",
    "guard",
    "info",
    "init",
    "keygen",
    "log",
    "merge",
    "recovery_add",
    "recovery_test",
    "report",
    "request",
    "resolve",
    "review",
    "revoke",
    "rotate",
    "scan",
    "seal",
    "set",
    "sync",
    "unset",
    "updatekeys",
    "updatekeys_all",
]


def __getattr__(name: str) -> Any:
    module = _MODULES.get(name)
    if module is None:
        raise AttributeError(f"module 'ksecrets' has no attribute {name!r}")
    import sys

    module = f"ksecrets.{module}"
    __import__(module)  # importlib.import_module does the same, and takes a module more
    value = getattr(sys.modules[module], name)
    globals()[name] = value
    return value
