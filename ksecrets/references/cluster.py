"""Secrets and ConfigMaps of the cluster that Helm talks to, by the user's kubectl."""

from __future__ import annotations

import os

from ksecrets.errors import KsecretsError
from ksecrets.references.program import run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from ksecrets.references.expression import Reference
    from ksecrets.references.resolve import References

_NAME = frozenset("abcdefghijklmnopqrstuvwxyz0123456789.-")
_KINDS = {"Secret": "secret", "ConfigMap": "configmap"}


def kubernetes(references: References, reference: Reference) -> object:
    """``ref+k8s://v1/Secret/NAMESPACE/NAME/KEY``, the same with ``#/KEY``, or all keys as JSON without one."""
    from ksecrets.references.resolve import at_keys

    parts = reference.path.rstrip("/").split("/")
    if len(parts) not in (4, 5) or parts[0] != "v1" or parts[1] not in _KINDS:
        raise KsecretsError("a reference to k8s is no v1/Secret/NAMESPACE/NAME/KEY, nor one of a ConfigMap")
    wanted = reference.parameters.get("kubeContext", "")
    if wanted and wanted != references.context:
        raise KsecretsError(
            f"a reference to k8s names the context {wanted}, which is not Helm's", hint=f"--kube-context {wanted}"
        )
    child = references.session.child_environment()
    found = get(parts[1], parts[2], parts[3], references.kubectl, child, references.context)
    texts = {key: _text(key, value) for key, value in found.items()}
    keys = (*parts[4:], *reference.keys)
    if keys:
        return at_keys(texts, keys, reference)
    import json

    return json.dumps(texts, separators=(",", ":"), sort_keys=True)


def key_of_secret(where: str, kubectl: str, child: Mapping[str, str]) -> bytes:
    """One key of a Secret, by `[NAMESPACE/]NAME#KEY`. Raises KsecretsError."""
    place, _, key = where.partition("#")
    namespace, _, name = place.rpartition("/")
    if not key:
        raise KsecretsError(f"{where} names no key of a Secret", hint="[NAMESPACE/]NAME#KEY")
    found = get("Secret", namespace, name, kubectl, child, child.get("HELM_KUBECONTEXT", ""))
    if key not in found:
        raise KsecretsError(f"the Secret {place} has no key {key}")
    return found[key]


def get(kind: str, namespace: str, name: str, kubectl: str, child: Mapping[str, str], context: str) -> dict[str, bytes]:
    """The data of a Secret or ConfigMap, decoded. Raises KsecretsError.

    namespace: "" is the one that kubectl is set to. child: the environment of kubectl.
    """
    import binascii
    import json

    for each in (namespace, name):
        if not _NAME.issuperset(each) or each.startswith(("-", ".")) or (not each and each is name):
            raise KsecretsError(f"{each or 'an empty text'} is no name of Kubernetes")
    argv = [kubectl, "get", _KINDS[kind], name, "--output=json"]
    if namespace:
        argv.append(f"--namespace={namespace}")
    if context:
        argv.append(f"--context={context}")
    out = run(argv, child, f"the {kind} {namespace}{'/' if namespace else ''}{name}", "set HELM_SECRETS_KUBECTL_PATH")
    try:
        data = json.loads(out).get("data") or {}
        if kind != "Secret":
            return {str(key): str(value).encode() for key, value in data.items()}
        return {str(key): binascii.a2b_base64(value, strict_mode=True) for key, value in data.items()}
    except (ValueError, AttributeError, TypeError):
        pass  # the error could show what is in it
    raise KsecretsError(f"{os.path.basename(kubectl)} gave something else than the {kind} {name}")


def _text(key: str, value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        pass
    raise KsecretsError(f"the key {key} of a reference to k8s is not UTF-8 text")
