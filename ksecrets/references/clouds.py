"""Secrets of AWS, Google Cloud and Azure, over their APIs, with the login of the user's environment.

    ref+awssecrets://NAME[?region=R&version_id=V&version_stage=S][#/KEY]     AWS Secrets Manager
    ref+awsssm://PATH[?region=R&mode=singleparam&version=V][#/KEY]           AWS SSM Parameter Store
    ref+gcpsecrets://PROJECT/NAME[?version=V&trim_nl=true][#/KEY]            Google Cloud Secret Manager
    ref+azurekeyvault://VAULT/NAME[/VERSION][#/KEY]                          Azure Key Vault

The hosts are those of the clouds, or the ones that the environment names (AWS_ENDPOINT_URL_SECRETSMANAGER,
AWS_ENDPOINT_URL_SSM, CLOUDSDK_API_ENDPOINT_OVERRIDES_SECRETMANAGER).
Logins, time limits and TLS are those of the key services (keys/awsauth.py, keys/gcpauth.py, keys/azureauth.py).
Source of the syntax: helmfile/vals, pkg/providers.
"""

from __future__ import annotations

import time

from ksecrets.errors import KsecretsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ksecrets.references.expression import Reference
    from ksecrets.references.resolve import References

_SERVICES = {"awssecrets": "secretsmanager", "awsssm": "ssm"}
_WORD = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")
_NAME = _WORD | frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ_.:")
_PAGES = 100
_GCP_ENDPOINT = "CLOUDSDK_API_ENDPOINT_OVERRIDES_SECRETMANAGER"
_VAULTS = ("vault.azure.net", "vault.azure.cn", "vault.usgovcloudapi.net")


def awssecrets(references: References, reference: Reference) -> object:
    """The text of a secret, or a value in it, read as YAML. Raises KsecretsError."""
    question = {"SecretId": reference.path.rstrip("/")}
    for parameter, name in (("version_id", "VersionId"), ("version_stage", "VersionStage")):
        if reference.parameters.get(parameter):
            question[name] = reference.parameters[parameter]
    found = _aws(references, reference, "secretsmanager.GetSecretValue", question)
    text = found.get("SecretString")
    if text is None and isinstance(found.get("SecretBinary"), str):
        import binascii

        text = _text(binascii.a2b_base64(found["SecretBinary"]), reference)
    return _value(text, reference)


def awsssm(references: References, reference: Reference) -> object:
    """A parameter; with ``#/KEY`` one of those below the path, or a value in it with mode=singleparam."""
    path = "/" + reference.path.strip("/")
    if not reference.keys or reference.parameters.get("mode") == "singleparam":
        version = reference.parameters.get("version")
        question = {"Name": f"{path}:{version}" if version else path, "WithDecryption": True}
        found = _aws(references, reference, "AmazonSSM.GetParameter", question)
        parameter = found.get("Parameter")
        return _value(parameter.get("Value") if isinstance(parameter, dict) else None, reference)
    from ksecrets.references.resolve import at_keys

    return at_keys(_below(references, reference, path), reference.keys, reference)


def _below(references: References, reference: Reference, path: str) -> dict[str, Any]:
    """The parameters below a path, as a tree."""
    tree: dict[str, Any] = {}
    question: dict[str, object] = {
        "Path": path,
        "WithDecryption": True,
        "Recursive": reference.parameters.get("recursive") == "true",
    }
    for _ in range(_PAGES):
        found = _aws(references, reference, "AmazonSSM.GetParametersByPath", question)
        for each in found.get("Parameters") or []:
            *folders, name = str(each["Name"])[len(path) :].strip("/").split("/")
            inner = tree
            for folder in folders:
                if not isinstance(inner.get(folder), dict):
                    inner[folder] = {}
                inner = inner[folder]
            if not isinstance(inner.get(name), dict):
                inner[name] = each["Value"]
        if not found.get("NextToken"):
            return tree
        question["NextToken"] = found["NextToken"]
    raise KsecretsError(f"AWS SSM has more than {_PAGES} pages of parameters below {path}")


def _aws(references: References, reference: Reference, target: str, question: dict[str, Any]) -> dict[str, Any]:
    """One call of AWS's JSON protocol. Raises KsecretsError; the service's own words are shown, which hold no value."""
    import json

    from ksecrets.keys import awsauth

    environ = references.environ
    region = reference.parameters.get("region") or environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or ""
    if not region or not _WORD.issuperset(region):
        raise KsecretsError(f"a reference to {reference.service} needs a region", hint="set AWS_REGION, or ?region=")
    service = _SERVICES[reference.service]
    deadline = time.monotonic() + references.access.seconds
    who = awsauth.credentials(references.access, region, "", "", deadline)
    headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": target}
    reply = awsauth.post(references.access, service, region, headers, json.dumps(question).encode(), who, deadline)
    if reply.status == 200:
        return reply.json()
    error = reply.error_json()
    kind = str(error.get("__type") or f"HTTP {reply.status}").rpartition("#")[2]
    said = error.get("message") or error.get("Message")
    raise KsecretsError(
        f"AWS refuses {reference.service}://{reference.path}: {awsauth.printable(kind)}",
        details=[awsauth.printable(said)] if said else [],
    )


def gcpsecrets(references: References, reference: Reference) -> object:
    """A version of a secret, the latest by default. Without a project, GCP_PROJECT. Raises KsecretsError."""
    import binascii

    from ksecrets.keys import gcpauth, web

    project, found, name = reference.path.strip("/").partition("/")
    if not found:
        project, name = references.environ.get("GCP_PROJECT", ""), project
    version = reference.parameters.get("version") or "latest"
    if not all(word and word[0] != "." and _NAME.issuperset(word) for word in (project, name, version)):
        raise KsecretsError("a reference to gcpsecrets is no PROJECT/NAME")
    deadline = time.monotonic() + references.access.seconds
    address = references.environ.get(_GCP_ENDPOINT) or "https://secretmanager.googleapis.com"
    reply = web.origin(address.rstrip("/"), references.access).ask(
        "GET",
        f"/v1/projects/{project}/secrets/{name}/versions/{version}:access",
        deadline=deadline,
        headers=gcpauth.authorize(references.access, deadline),
    )
    if reply.status != 200:
        error = reply.error_json().get("error")
        status = error.get("status") if isinstance(error, dict) else None
        raise KsecretsError(f"Google Cloud refuses gcpsecrets://{project}/{name}: {status or f'HTTP {reply.status}'}")
    payload = reply.json().get("payload")
    try:
        raw = binascii.a2b_base64(payload["data"] if isinstance(payload, dict) else "", strict_mode=True)
    except (ValueError, KeyError, TypeError):
        raise KsecretsError(f"what Google Cloud gives for gcpsecrets://{project}/{name} is no secret") from None
    text = _text(raw, reference)
    return _value(text.removesuffix("\n") if reference.parameters.get("trim_nl") == "true" else text, reference)


def azurekeyvault(references: References, reference: Reference) -> object:
    """A secret of a vault, which is named alone (in the public cloud) or with the domain of another one of Azure's."""
    from ksecrets.keys import azureauth, web

    words = reference.path.strip("/").split("/")
    host, _, domain = words[0].partition(".")
    good = len(words) in (2, 3) and all(word and word[0] != "." and _NAME.issuperset(word) for word in words)
    if not good or not _WORD.issuperset(host.lower()) or domain not in ("", *_VAULTS):
        raise KsecretsError("a reference to azurekeyvault is no VAULT/NAME")
    address = f"https://{host}.{domain or _VAULTS[0]}"
    deadline = time.monotonic() + references.access.seconds
    for _ in range(2):
        headers = azureauth.authorize(address, references.access, deadline)
        path = f"/secrets/{'/'.join(words[1:])}?api-version=7.4"
        reply = web.origin(address, references.access).ask("GET", path, deadline=deadline, headers=headers)
        if reply.status == 200:
            return _value(reply.json().get("value"), reference)
        if reply.status != 401 or not azureauth.challenged(address, reply, references.access):
            break
    error = reply.error_json().get("error")
    code = error.get("code") if isinstance(error, dict) else None
    raise KsecretsError(f"Azure refuses azurekeyvault://{'/'.join(words)}: {code or f'HTTP {reply.status}'}")


def _value(text: object, reference: Reference) -> object:
    from ksecrets.references.data import mapping_of
    from ksecrets.references.resolve import at_keys

    if not isinstance(text, str):
        raise KsecretsError(f"what a reference to {reference.service} names has no value")
    # With mode=singleparam and for secrets, the keys are those of a YAML text.
    return at_keys(mapping_of(text, reference), reference.keys, reference) if reference.keys else text


def _text(raw: bytes, reference: Reference) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        pass  # its error would hold all of the bytes
    raise KsecretsError(f"what a reference to {reference.service} names is not UTF-8 text")
