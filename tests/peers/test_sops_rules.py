"""Which rule of a `.sops.yaml` holds for a file, and who reads it then: ksecrets beside the real sops.

Both encrypt the same files under the same configurations, and the metadata that comes out is compared: readers in
their groups, threshold, selector, mac_only_encrypted. No ciphertext is looked at.
"""

from __future__ import annotations

import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import ksecrets
from ksecrets.envelope.metadata import Metadata
from ksecrets.errors import KsecretsError
from ksecrets.files.open import read_metadata
from tests.team import person

PLAIN = "a: 1\ndata:\n  b: two\nlist: [x]\n"
A, B, C, D = (person(name).public for name in ("alice", "bob", "carol", "dave"))


def policy(metadata: Metadata) -> tuple[object, ...]:
    """What a rule decided. Whom it names twice outside of groups gets two stanzas from sops, and one from us."""
    groups = [sorted({stanza.fields["recipient"] for stanza in group}) for group in metadata.groups]
    threshold = (metadata.shamir_threshold or len(groups)) if len(groups) > 1 else 0
    return groups, threshold, metadata.selector, metadata.mac_only_encrypted


class Both:
    """sops and ksecrets at the same files. Each answer is a policy, or None where the program refuses."""

    def __init__(self, sops: str, top: Path) -> None:
        self.program = sops
        self.top = top
        self.session = ksecrets.Session({"HOME": str(top / "nobody")})

    def write(self, files: dict[str, str]) -> None:
        for name, text in files.items():
            path = self.top / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def sops(self, file: str, *options: str) -> tuple[object, ...] | None:
        """From the file's own folder: there sops finds the configuration that ksecrets finds from anywhere."""
        path = self.top / file
        done = subprocess.run(
            [self.program, *options, "encrypt", path.name], cwd=path.parent, capture_output=True, timeout=60
        )
        return policy(read_metadata(done.stdout.decode())) if done.returncode == 0 else None

    def ksecrets(self, file: str, config: str | None = None) -> tuple[object, ...] | None:
        session = ksecrets.Session({**self.session.environ, **({"SOPS_CONFIG": config} if config else {})})
        try:
            return policy(read_metadata(ksecrets.encrypt(str(self.top / file), session=session).text))
        except KsecretsError:
            return None

    def compare(self, files: list[str]) -> list[tuple[object, ...] | None]:
        """What both say of each file, which must be the same."""
        with ThreadPoolExecutor(2) as pool:
            theirs = list(pool.map(self.sops, files))
        ours = [self.ksecrets(file) for file in files]
        assert dict(zip(files, ours, strict=True)) == dict(zip(files, theirs, strict=True))
        return ours


@pytest.fixture
def both(sops: str, tmp_path: Path) -> Both:
    return Both(sops, tmp_path)


def readers(answer: tuple[object, ...] | None) -> object:
    return answer[0] if answer is not None else None


# -- which rule --------------------------------------------------------------------------------------------------------

FILES = [
    "a.yaml",
    "b.yaml",
    "prod/a.yaml",
    "dev/a.yaml",
    "x/prod/a.yaml",
    "x/prod-eu/b.yaml",
    "x/PROD/a.yaml",
    "prod.yaml",
    "with space/ä.yaml",
    "x.y/a.yaml",
    "xzy/a.yaml",
]

EXPRESSIONS = [
    r"^prod/",
    r"prod/",
    r"^a\.yaml$",
    r"a.yaml$",
    r"(?i)prod",
    r"^[^/]+\.yaml$",
    r"^(prod|dev)/.*\.yaml$",
    r"^x\.y/",
    r"\.ya?ml\z",
    r"^\Qx.y/\E",
    r"^with.+/ä",
    r"[[:space:]]",
    r"^(?:x/)?prod/a",
    r"^/",
    r"^.*/repo/",
    r"prod(?:-(?P<region>eu))?/b",
    "",
]


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_an_expression_finds_the_files_that_sops_finds(both: Both, expression: str) -> None:
    both.write(dict.fromkeys(FILES, PLAIN))
    both.write({".sops.yaml": f"creation_rules:\n  - path_regex: '{expression}'\n    age: {A}\n  - age: {B}\n"})
    answers = both.compare(FILES)
    assert {str(readers(answer)) for answer in answers} <= {f"[['{A}']]", f"[['{B}']]"}


def test_what_is_not_translated_is_refused_and_not_guessed(both: Both) -> None:
    """docs/adr/0010: a class of Unicode letters is Go's own; a rule that used it must not be skipped in silence."""
    both.write(
        {"a.yaml": PLAIN, ".sops.yaml": f"creation_rules:\n  - {{path_regex: '^\\pL', age: {A}}}\n  - age: {B}\n"}
    )
    assert readers(both.sops("a.yaml")) == [[A]]
    with pytest.raises(KsecretsError) as caught:
        ksecrets.encrypt(str(both.top / "a.yaml"), session=both.session)
    assert (caught.value.path, "\\pL" in str(caught.value)) == ("creation_rules[0].path_regex", True)


def test_the_expressions_above_tell_files_apart(both: Both) -> None:
    """So that the test above compares something: some rule takes some of the files, and leaves others."""
    both.write(dict.fromkeys(FILES, PLAIN))
    both.write({".sops.yaml": f"creation_rules:\n  - path_regex: prod/\n    age: {A}\n  - age: {B}\n"})
    answers = both.compare(FILES[:5])
    assert [readers(answer) for answer in answers] == [[[B]], [[B]], [[A]], [[B]], [[A]]]


def test_the_first_rule_counts_and_none_may_match(both: Both) -> None:
    rules = f"creation_rules:\n  - {{path_regex: '^prod/', age: {A}}}\n  - {{path_regex: 'prod', age: {B}}}\n"
    both.write({**dict.fromkeys(FILES, PLAIN), ".sops.yaml": rules})
    answers = dict(zip(FILES, both.compare(FILES), strict=True))
    assert (readers(answers["prod/a.yaml"]), readers(answers["prod.yaml"])) == ([[A]], [[B]])
    assert answers["dev/a.yaml"] is None


def test_the_nearest_configuration_counts_alone(both: Both) -> None:
    both.write(
        {
            **dict.fromkeys(["a.yaml", "in/a.yaml", "in/deep/a.yaml", "in/other/b.yaml"], PLAIN),
            ".sops.yaml": f"creation_rules:\n  - age: {A}\n",
            "in/.sops.yaml": f"creation_rules:\n  - {{path_regex: '^deep/', age: {B}}}\n",
            "in/other/.sops.yaml": "stores: {yaml: {indent: 2}}\n",
        }
    )
    answers = both.compare(["a.yaml", "in/deep/a.yaml", "in/a.yaml", "in/other/b.yaml"])
    # The expression is about the path from the nearest file on; what it does not name does not go on to the one above.
    assert [readers(answer) for answer in answers] == [[[A]], [[B]], None, None]


def test_sops_looks_from_the_working_folder_and_we_from_the_file(both: Both) -> None:
    """The one difference (#242): run from elsewhere, sops finds another configuration, or none."""
    both.write({"in/a.yaml": PLAIN, "in/.sops.yaml": f"creation_rules:\n  - age: {A}\n", "out/x": ""})
    command = [both.program, "encrypt", "../in/a.yaml"]
    done = subprocess.run(command, cwd=both.top / "out", capture_output=True, timeout=60)
    assert b"config file not found" in done.stderr
    assert readers(both.ksecrets("in/a.yaml")) == [[A]]


def test_a_configuration_of_ones_own_choice(both: Both) -> None:
    """`--config`: files below its folder go by their path from there, others by their whole path."""
    both.write(dict.fromkeys(["rules/a.yaml", "rules/sub/a.yaml", "far/a.yaml", "far/sub.yaml"], PLAIN))
    rules = f"creation_rules:\n  - {{path_regex: '^sub/', age: {A}}}\n  - {{path_regex: '^/.*/far/a', age: {B}}}\n"
    both.write({"rules/team.yaml": rules, "far/.sops.yaml": f"creation_rules:\n  - age: {C}\n"})
    config = str(both.top / "rules/team.yaml")
    files = ["rules/a.yaml", "rules/sub/a.yaml", "far/a.yaml", "far/sub.yaml"]
    ours = [both.ksecrets(file, config) for file in files]
    assert ours == [both.sops(file, "--config", config) for file in files]
    assert [readers(answer) for answer in ours] == [None, [[A]], [[B]], None]


# -- what a rule says --------------------------------------------------------------------------------------------------

RULES = {
    "text": f"age: {A}",
    "commas": f"age: '{A}, {B},,{A}'",
    "folded": f"age: >-\n        {A},\n        {B}",
    "list": f"age: [{A}, '{B},{C}']",
    "suffix": f"age: {A}\n    encrypted_suffix: a",
    "unencrypted suffix": f"age: {A}\n    unencrypted_suffix: _x",
    "regex": f"age: {A}\n    encrypted_regex: ^(data|stringData)$",
    "unencrypted regex": f"age: {A}\n    unencrypted_regex: ^a$",
    "comment": f"age: {A}\n    encrypted_comment_regex: secret",
    "unencrypted comment": f"age: {A}\n    unencrypted_comment_regex: plain",
    "empty selector": f"age: {A}\n    encrypted_regex: ''",
    "two selectors": f"age: {A}\n    encrypted_regex: a\n    encrypted_suffix: b",
    "mac": f"age: {A}\n    mac_only_encrypted: true",
    "mac in words": f"age: {A}\n    mac_only_encrypted: yes",
    "threshold of one group": f"age: {A}\n    shamir_threshold: 1",
    "groups": f"key_groups:\n      - age: [{A}]\n      - age: [{B}, {C}]",
    "groups and threshold": f"shamir_threshold: 1\n    key_groups:\n      - age: [{A}]\n      - age: [{B}]",
    "threshold of three": f"shamir_threshold: 2\n    key_groups: [{{age: [{A}]}}, {{age: [{B}]}}, {{age: [{C}]}}]",
    "threshold too high": f"shamir_threshold: 3\n    key_groups:\n      - age: [{A}]\n      - age: [{B}]",
    "groups before keys": f"age: {D}\n    key_groups:\n      - age: [{A}]\n      - age: [{B}]",
    "one group": f"key_groups:\n      - age: [{A}, {B}]",
    "merge": f"key_groups: [{{merge: [{{age: [{A}]}}, {{age: [{B}]}}], age: [{C}]}}, {{age: [{D}]}}]",
    "merge twice": f"key_groups: [{{merge: [{{merge: [{{age: [{A}]}}], age: [{A}, {B}]}}]}}]",
    "no keys": "encrypted_regex: a",
    "empty keys": "age: ''",
    "wrong key": "age: age1nonsense",
    "number for keys": "age: 5",
    "unknown setting": f"age: {A}\n    something: else",
    "alias": f"age: &x {A}\n    pgp: ''",
}

# sops takes these, and ksecrets does not; each has its reason.
STRICTER = {
    "threshold too high": "the secret could never be read",
    "no keys": "sops writes a file that nobody can open (it has no stanza at all)",
    "empty keys": "sops writes a file that nobody can open (it has no stanza at all)",
}
REFUSED = {"groups and threshold", "two selectors", "wrong key", "number for keys"}


@pytest.mark.parametrize("name", RULES)
def test_a_rule_says_the_same_to_both(both: Both, name: str) -> None:
    both.write({"a.yaml": PLAIN, ".sops.yaml": f"creation_rules:\n  - {RULES[name]}\n"})
    theirs, ours = both.sops("a.yaml"), both.ksecrets("a.yaml")
    if name in STRICTER:
        assert ours is None
        assert theirs is None or theirs[0] != [[A]]
    else:
        assert ours == theirs
        assert (ours is None) == (name in REFUSED)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "creation_rules: []\n",
        "creation_rules:\n",
        "destination_rules:\n  - s3_bucket: b\n",
        "creation_rules:\n  - path_regex: (\n    age: x\n",
        "creation_rules: {a: b}\n",
        "creation_rules:\n  - [a]\n",
        "[1]\n",
        "a: [\n",
    ],
)
def test_what_is_no_rule_for_either(both: Both, text: str) -> None:
    both.write({"a.yaml": PLAIN, ".sops.yaml": text})
    assert both.compare(["a.yaml"]) == [None]


@pytest.mark.parametrize(
    "text",
    [
        "creation_rules:\n  - age: {A}\n---\ncreation_rules:\n  - age: {B}\n",
        "x: &x {{age: {A}}}\ncreation_rules:\n  - <<: *x\n    encrypted_suffix: a\n",
        "creation_rules:\n  - age: {A}\ndestination_rules: [{{path_regex: (, s3_bucket: b}}]\n",
        "stores: {{yaml: {{indent: 2}}, json: {{indent: 1}}}}\ncreation_rules:\n  - age: {A}\n",
        "\ufeffcreation_rules:\n  - age: {A}\n",
        "creation_rules:\r\n  - path_regex: 'a\\.yaml$'\r\n    age: {A}\r\n",
        '{{"creation_rules": [{{"age": "{A}"}}]}}',
    ],
)
def test_what_the_file_may_look_like(both: Both, text: str) -> None:
    both.write({"a.yaml": PLAIN, ".sops.yaml": text.format(A=A, B=B)})
    assert readers(both.compare(["a.yaml"])[0]) == [[A]]


def test_a_file_by_another_name_is_not_read_and_that_is_said(both: Both) -> None:
    both.write({"in/a.yaml": PLAIN, ".sops.yml": f"creation_rules:\n  - age: {A}\n"})
    assert both.compare(["in/a.yaml"]) == [None]
    with pytest.raises(KsecretsError) as caught:
        ksecrets.encrypt(str(both.top / "in/a.yaml"), session=both.session)
    assert os.path.join(str(both.top), ".sops.yml") in str(caught.value.hint)
