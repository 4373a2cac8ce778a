"""Which references may be followed: nothing is contacted, or read, that the user did not name.

A reference is only text, and a pull request can put it into a values file. So:

- It is resolved only where the user asked for that at all (``-b vals``, ``vals!FILE``, ``--evaluate-templates``);
  elsewhere it stops the release.
- `echo`, `file`, `sops` and `envsubst` read what is here: files inside the repository only, followed through links,
  and no variable that holds an identity.
- `vault` goes to VAULT_ADDR of the user's environment, with the user's token, and nowhere else; `k8s` to the cluster
  that Helm itself talks to. A parameter that names another place, file, role or login is refused.
- AWS, Google Cloud and Azure are asked only where KSECRETS_REFERENCES names their service, at their own addresses.
- Every other service is asked through the user's `vals`, and only where KSECRETS_REFERENCES names it, or
  HELM_SECRETS_VALS_PATH names the program: vals goes wherever a reference says.
- KSECRETS_REFERENCES, a list of services with commas, also narrows: where it is set, no other service is asked.
"""

from __future__ import annotations

from ksecrets.errors import KsecretsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from ksecrets.references.expression import Reference

VARIABLE = "KSECRETS_REFERENCES"
OWN = ("echo", "envsubst", "file", "k8s", "sops", "vault")
"""The services that ksecrets asks without a further word."""
CLOUDS = ("awssecrets", "awsssm", "azurekeyvault", "gcpsecrets")
"""Those that it knows, and asks where they are named."""

_PARAMETERS = {
    "awssecrets": frozenset({"region", "version_id", "version_stage"}),
    "awsssm": frozenset({"mode", "recursive", "region", "version"}),
    "azurekeyvault": frozenset[str](),
    "echo": frozenset[str](),
    "envsubst": frozenset[str](),
    "file": frozenset({"encode"}),
    "gcpsecrets": frozenset({"trim_nl", "version"}),
    "k8s": frozenset({"kubeContext", "inCluster"}),
    "sops": frozenset({"format", "key_type"}),
    "vault": frozenset({"address", "decode", "namespace", "version"}),
}


class Trust:
    """What one user allows. named: the services of KSECRETS_REFERENCES, or None where it is not set.

    vals: the program that was named, or "".
    """

    __slots__ = ("named", "vals")

    def __init__(self, environ: Mapping[str, str], vals: str) -> None:
        said = environ.get(VARIABLE)
        self.named = None if said is None else frozenset(filter(None, (name.strip() for name in said.split(","))))
        self.vals = vals

    def check(self, reference: Reference) -> None:
        """Raises KsecretsError for a reference that must not be followed."""
        service = reference.service
        if self.named is not None and service not in self.named:
            raise KsecretsError(f"references to {service} are not allowed here", hint=f"see {VARIABLE}")
        if service in CLOUDS and self.named is None and not self.vals:
            raise KsecretsError(
                f"a reference to {service} is followed only where that service is named",
                hint=f"where that is wanted: {VARIABLE}={service}",
            )
        if service not in _PARAMETERS:
            if self.named is None and not self.vals:
                raise KsecretsError(
                    f"a reference to {service} would be followed by vals, which goes wherever the reference says",
                    hint=f"where that is wanted: {VARIABLE}={service}",
                )
            return
        for name in reference.parameters:
            if name not in _PARAMETERS[service]:
                raise KsecretsError(
                    f"the parameter {name} of a reference to {service} is not for a file to say",
                    hint="places, logins and roles come from the environment only",
                )
