"""What helm-secrets' options and variables say: the same names with the same meaning, where they mean something here.

The options stand between `secrets` and the command (``helm secrets -q --backend vals template ...``), each has a
variable ``HELM_SECRETS_*``, and the option counts more. docs/from-helm-secrets.md has the whole table.
"""

from __future__ import annotations

from ksecrets.errors import KsecretsError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SOPS = "sops"
VALS = "vals"
NOOP = "noop"
BACKENDS = (SOPS, VALS, NOOP)
"""Encrypted files; references (`ref+...`); and files that are passed on as they are."""

_PREFIX = "HELM_SECRETS_"
_WITH_VALUE = {"--backend": "backend", "-b": "backend", "--backend-args": "arguments", "-a": "arguments"}
_SWITCHES = {
    "--ignore-missing-values": "ignore_missing",
    "--evaluate-templates": "evaluate",
    "--evaluate-templates-decode-secrets": "decode_secrets",
    "--decrypt-secrets-in-tmp-dir": None,  # nothing is written anywhere, so it says nothing new
}
_IMPORTS = ("AGE_IMPORT", "AGE_IMPORT_KUBERNETES", "GPG_IMPORT", "GPG_IMPORT_KUBERNETES")
_MEANINGLESS = """
    AGE_PATH CURL_PATH DECRYPT_SECRETS_IN_TMP_DIR DEC_DIR DEC_PREFIX DEC_SUFFIX DEC_TMP_DIR SOPS_BIN SOPS_PATH WGET_PATH
    WINDOWS_SHELL WRAPPER_ENABLED
"""
MEANINGLESS = frozenset(_PREFIX + name for name in _MEANINGLESS.split())
"""Variables of helm-secrets that change nothing here: no plaintext file is written, no other program is started."""


class Settings:
    """How one run behaves.

    backend: one of BACKENDS, where a file does not name its own. arguments: those for the backend, or "". allowed:
    the backends that may be used; empty: all. quiet: no remarks. ignore_missing: a values file may be missing.
    evaluate: resolve references in what the chart renders; decode_secrets: also in the `data` of Secrets.
    symlinks, absolute_paths, traversal: whether a values file may be one, have one, or go up; None: not said.
    confined: values files must lie in the repository (in Argo CD, where nothing else is said). checkouts: the folder of
    the checkouts of Argo CD, whose files it names by absolute paths, or "". imports: which keys may
    be named in an address. key_prefix: where key files must lie. kubectl, vals: programs. variables: replace `${NAME}`
    in addresses of http. keyrings: PGP keys to load. netrc: a file with passwords of hosts, or "".
    """

    __slots__ = (
        "absolute_paths",
        "allowed",
        "arguments",
        "backend",
        "checkouts",
        "confined",
        "decode_secrets",
        "environ",
        "evaluate",
        "helm",
        "ignore_missing",
        "imports",
        "key_prefix",
        "keyrings",
        "kubectl",
        "netrc",
        "quiet",
        "symlinks",
        "traversal",
        "vals",
        "variables",
    )

    def __init__(self, environ: Mapping[str, str]) -> None:
        def value(name: str, default: str = "") -> str:
            return environ.get(_PREFIX + name) or default

        argo = "ARGOCD_APP_NAME" in environ
        self.environ = environ
        self.backend = value("BACKEND", SOPS)
        self.arguments = value("BACKEND_ARGS")
        self.allowed = frozenset(filter(None, value("ALLOWED_BACKENDS").split(",")))
        self.quiet = value("QUIET", "true" if argo else "false") == "true"
        self.ignore_missing = value("IGNORE_MISSING_VALUES") == "true"
        self.evaluate = value("EVALUATE_TEMPLATES") == "true"
        self.decode_secrets = value("EVALUATE_TEMPLATES_DECODE_SECRETS") == "true"
        self.symlinks = _said(value("VALUES_ALLOW_SYMLINKS"))
        self.absolute_paths = _said(value("VALUES_ALLOW_ABSOLUTE_PATH"))
        self.traversal = _said(value("VALUES_ALLOW_PATH_TRAVERSAL"))
        self.confined = argo
        self.checkouts = environ.get("KSECRETS_ARGOCD_CHECKOUTS", "")
        self.imports = frozenset(name for name in _IMPORTS if value("ALLOW_" + name, "true") == "true")
        self.key_prefix = value("KEY_LOCATION_PREFIX")
        self.kubectl = value("KUBECTL_PATH", "kubectl")
        self.vals = value("VALS_PATH")
        self.variables = value("URL_VARIABLE_EXPANSION") == "true"
        loaded = value("LOAD_GPG_KEYS", "false")
        self.keyrings = () if loaded == "false" else tuple(loaded.split())
        self.netrc = environ.get("NETRC", "")
        self.helm = value("HELM_PATH") or environ.get("HELM_BIN") or "helm"

    def take_options(self, argv: Sequence[str]) -> list[str]:
        """The command line behind the options of helm-secrets, which are taken in.

        Raises UsageError for an option whose value is missing or is none, and as `backend_named`.
        """
        words = list(argv)
        at = 0
        while at < len(words):
            word = words[at]
            name, attached, text = word.partition("=") if word.startswith("--") else (word, "", "")
            if name in _WITH_VALUE:
                if not attached:
                    at += 1
                    if at >= len(words):
                        raise UsageError(f"the value of {name} is missing")
                    text = words[at]
                setattr(self, _WITH_VALUE[name], text)
            elif name in _SWITCHES:
                if not attached:
                    text = "true"
                    if words[at + 1 : at + 2] in (["true"], ["false"]):
                        at += 1
                        text = words[at]
                if text not in ("true", "false"):
                    raise UsageError(f"{name} is true or false, not {text}")
                field = _SWITCHES[name]
                if field is not None:
                    setattr(self, field, text == "true")
            elif word in ("--quiet", "-q"):
                self.quiet = True
            else:
                break
            at += 1
        self.backend = self.backend_named(self.backend)
        self._check_arguments()
        return words[at:]

    def backend_named(self, name: str) -> str:
        """A backend by its name; "" is the one of the run. Raises UsageError for one that is unknown or not allowed."""
        name = name or self.backend
        if self.allowed and name not in self.allowed:
            raise UsageError(f"the secret backend {name} is not allowed here", hint="see HELM_SECRETS_ALLOWED_BACKENDS")
        if name not in BACKENDS:
            raise UsageError(
                f"there is no secret backend {name}",
                hint=f"one of {', '.join(BACKENDS)}; a script as backend is not run, see docs/from-helm-secrets.md",
            )
        return name

    def _check_arguments(self) -> None:
        """Refuse what takes a check away; what is left over tells sops how to print, which is no matter here."""
        if self.backend == SOPS and "--ignore-mac" in self.arguments.split():
            raise UsageError(
                "--ignore-mac is not for what Helm will deploy",
                hint="ksecrets decrypt --ignore-mac FILE shows the file, to repair it",
            )


def _said(word: str) -> bool | None:
    return None if not word else word != "false"


def meaningless(environ: Mapping[str, str]) -> list[str]:
    """The variables that are set and change nothing here, in order; for `doctor`."""
    return sorted(name for name in environ if name in MEANINGLESS)


def not_allowed(what: str, variable: str) -> KsecretsError:
    """The refusal of something that a variable forbids."""
    return KsecretsError(f"{what} is not allowed here", hint=f"see {_PREFIX}{variable}")
