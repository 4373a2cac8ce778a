"""Which references are followed."""

from __future__ import annotations

import pytest

from ksecrets.errors import KsecretsError
from ksecrets.references.expression import Reference
from ksecrets.references.trust import OWN, Trust


def allowed(text: str, environ: dict[str, str] | None = None, vals: str = "") -> bool:
    try:
        Trust(environ or {}, vals).check(Reference(text))
    except KsecretsError:
        return False
    return True


@pytest.mark.parametrize("service", OWN)
def test_what_we_know_is_followed_without_a_word(service: str) -> None:
    assert allowed(f"{service}://ab/c#/d")
    assert allowed(f"{service}://ab", {"KSECRETS_REFERENCES": f"x, {service}"})
    assert not allowed(f"{service}://ab", {"KSECRETS_REFERENCES": "x"})
    assert not allowed(f"{service}://ab", {"KSECRETS_REFERENCES": ""})


@pytest.mark.parametrize(
    "text",
    [
        "vault://a/b?host=evil#/c",
        "vault://a/b?proto=http#/c",
        "vault://a/b?token_env=HOME#/c",
        "vault://a/b?token_file=/etc/passwd#/c",
        "vault://a/b?auth_method=approle#/c",
        "vault://a/b?role_id=x#/c",
        "k8s://v1/Secret/a/b/c?kubeConfigPath=x",
        "sops://a?role_arn=x",
        "sops://a?profile=x",
        "file://a?unknown=1",
        "echo://a?x=y",
    ],
)
def test_no_parameter_leads_elsewhere(text: str) -> None:
    assert not allowed(text)
    assert not allowed(text, {"KSECRETS_REFERENCES": ",".join(OWN)}, "/usr/bin/vals")


@pytest.mark.parametrize("service", ["httpjson", "exec", "unknown", "awskms", ""])
def test_others_are_for_the_user_to_name(service: str) -> None:
    text = f"{service}://a/b?endpoint=http://x"
    assert not allowed(text)
    assert allowed(text, vals="/usr/bin/vals")
    assert not allowed(text, {"KSECRETS_REFERENCES": "echo"}, "/usr/bin/vals")
    if service:
        assert allowed(text, {"KSECRETS_REFERENCES": f"echo,{service}"})
