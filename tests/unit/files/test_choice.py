"""Comments above the first document belong to its first item (sops, stores/yaml: the head comment of the document)."""

from __future__ import annotations

import pytest

from tests.pipe import open_, seal

ABOVE = [
    "# secret\nfirst: a\nsecond: b\n",
    "\n# secret\n\nfirst: a\nsecond: b\n",
    "# secret\n---\nfirst: a\nsecond: b\n",
    "# x\n# secret\n# y\nfirst: a\nsecond: b\n",
    "%YAML 1.1\n# secret\n---\nfirst: a\nsecond: b\n",
    "# secret\nfirst:\n  in: a\n  it: c\nsecond: b\n",
]


@pytest.mark.parametrize("text", ABOVE)
@pytest.mark.parametrize("kind", ["encrypted_comment_regex", "unencrypted_comment_regex"])
def test_a_comment_above_everything_picks_the_first_item(text: str, kind: str) -> None:
    """With the comment lost, `encrypted_comment_regex` would leave the first secret of a file in plaintext."""
    sealed = seal(text, selector=(kind, "secret"))
    body = sealed.text.partition("\nsops:")[0]
    first, _, second = body.partition("second:")
    assert ("ENC[" in first, "ENC[" in second) == ((True, False) if kind.startswith("encrypted") else (False, True))
    assert open_(sealed.text).plaintext == text


@pytest.mark.parametrize("text", ["first: a\n# secret\n", "first: a\n---\n# other\nsecond: b\n", "# secret\n"])
def test_a_comment_elsewhere_does_not(text: str) -> None:
    assert "ENC[" not in seal(text, selector=("encrypted_comment_regex", "secret")).text.partition("\nsops:")[0]
