"""What somebody without any key can do to an encrypted file, as functions on its text.

`FILE` is the plaintext that they start from. The first table is what sops's MAC misses and the seal is for; the second
what sops sees as well. A third holds changes that mean nothing, which leave a sealed file valid.
"""

from __future__ import annotations

import re
from collections.abc import Callable

Change = Callable[[str], str]

FILE = """\
# a note
app: web
db:
  user: root
  password: s3cret-value
  pin: "1234"
  port: 5432
  enabled: true
  host_unencrypted: ab
  name_unencrypted: cd
  code_unencrypted: "42"
  empty: ""
  none:
lists:
- - first-item
  - second-item
- - third-item
- fourth-item
quoted: "line one\\nline two"
block: |-
  block one
   block two
kept: |+
  kept text

ratio: 1.10
mode: 0644
local: !a tagged
more:
  # token: commented-out
  inner: inner-value
last: x
"""

SECRETS = (
    "web",
    "root",
    "s3cret-value",
    "1234",
    "5432",
    "first-item",
    "second-item",
    "third-item",
    "fourth-item",
    "line one",
    "block one",
    "kept text",
    "1.10",
    "tagged",
    "commented-out",
    "inner-value",
)


def swap(old: str, new: str) -> Change:
    """Replaces one text, which must be there exactly once."""

    def change(text: str) -> str:
        assert text.count(old) == 1, (old, text.count(old))
        return text.replace(old, new)

    return change


def rewrite(pattern: str, new: str) -> Change:
    """Replaces the first match of a regular expression, lines at a time."""

    def change(text: str) -> str:
        changed, count = re.subn(pattern, new, text, count=1, flags=re.MULTILINE)
        assert count == 1, pattern
        return changed

    return change


def exchange(first: str, second: str) -> Change:
    """Exchanges the tokens of two keys."""

    def change(text: str) -> str:
        tokens = [re.search(rf"^ *{key}: \"?(ENC\[[^\]]*\])", text, re.MULTILINE) for key in (first, second)]
        left, right = (found.group(1) for found in tokens if found is not None)
        return text.replace(left, "\0").replace(right, left).replace("\0", right)

    return change


def strip_extension(text: str) -> str:
    """The file as sops would leave it: without the extension block."""
    at = re.search(r"^( *)ksecrets:(\r\n|[\n\r])", text.replace("\r", "\n") if "\n" not in text else text, re.MULTILINE)
    if at is None:  # in braces
        return re.sub(r'"ksecrets": \{.*?"version": "1"\}, ', "", text, count=1)
    end = at.end()
    for line in text[end:].splitlines(keepends=True):
        if not line.startswith(at.group(1) + " "):
            break
        end += len(line)
    return text[: at.start()] + text[end:]


TOKEN = r"(ENC\[[^\]]*\])"
RECIPIENT = """\
        - enc: |
            -----BEGIN AGE ENCRYPTED FILE-----
            AAAA
            -----END AGE ENCRYPTED FILE-----
"""

MISSED_BY_SOPS: dict[str, Change] = {
    "a readable key is renamed": swap("host_unencrypted", "vhost_unencrypted"),
    "bytes move between readable values": lambda text: swap(": cd\n", ": d\n")(swap(": ab\n", ": abc\n")(text)),
    "a null is inserted": swap("  none:\n", "  none:\n  extra:\n"),
    "a null is removed": swap("  none:\n", ""),
    "an empty string is inserted": swap("  none:\n", '  none:\n  extra: ""\n'),
    "an empty string is removed": swap('  empty: ""\n', ""),
    "an empty string becomes a null": swap('  empty: ""\n', "  empty:\n"),
    "an empty mapping is inserted": swap("  none:\n", "  none:\n  extra: {}\n"),
    "an empty list is inserted": swap("  none:\n", "  none:\n  extra: []\n"),
    "a readable string becomes a number": swap('code_unencrypted: "42"', "code_unencrypted: 42"),
    "an encrypted string becomes a number": rewrite(r'(pin: ")(ENC.*),type:str\]', r"\1\2,type:int]"),
    "an encrypted number becomes a string": rewrite(r"(port: )(ENC.*),type:int\]", r"\1\2,type:str]"),
    "an item moves to another list": rewrite(rf"^- - {TOKEN}\n  - {TOKEN}\n- - {TOKEN}$", r"- - \1\n- - \2\n  - \3"),
    "a list becomes deeper": rewrite(rf"^- {TOKEN}$", r"- - \1"),
    "an item leaves its list": rewrite(rf"^- - {TOKEN}\n  - {TOKEN}$", r"- - \1\n- \2"),
    "a document is split": swap("lists:\n", "---\nlists:\n"),
    "a later document is added": lambda text: text + "---\nextra:\n",
    "a later document with a block of its own": lambda text: (
        f"{text}---\nextra:{text[text.index(chr(10) + 'sops:') :]}"
    ),
    "a recipient is added": rewrite(r"^    age:\n", "    age:\n" + RECIPIENT + "          recipient: age1attacker\n"),
    "a recipient is replaced": rewrite(r"^          recipient: .*\n", "          recipient: age1attacker\n"),
    "the selector is changed": swap("unencrypted_suffix: _unencrypted", "unencrypted_suffix: unencrypted"),
    "the threshold is changed": rewrite(r"^    version: ", "    shamir_threshold: 1\n    version: "),
    "the environment is changed": swap("environment: dev", "environment: prod"),
    "the path is changed": swap("path: env/dev/secrets.yaml", "path: env/prod/secrets.yaml"),
    "the path is removed": swap("        path: env/dev/secrets.yaml\n", ""),
    "the key's public id is changed": rewrite(r"^        kid: .*\n", "        kid: AAAAAAAAAAAAAAAAAAAAAA\n"),
    "a residue is dropped": rewrite(r"^            [A-Za-z0-9_-]{16}: .*\n", ""),
    "all residues are dropped": rewrite(r"^        residues:\n(            .*\n)+", ""),
    "a residue is changed": rewrite(r"^(            [A-Za-z0-9_-]{16}: ..)(.)(.)", r"\1\3\2"),
    "a residue is added": rewrite(
        r"^        residues:\n", "        residues:\n            AAAAAAAAAAAAAAAA: " + "A" * 88 + "\n"
    ),
    "two residues change places": rewrite(r"^( {12}[\w-]{16}: )(.*)\n( {12}[\w-]{16}: )(.*)\n", r"\1\4\n\3\2\n"),
    "a plain token gets quotes": rewrite(rf"^(  port: ){TOKEN}$", r'\1"\2"'),
    "a quoted token loses its quotes": rewrite(rf'^(  pin: )"{TOKEN}"$', r"\1\2"),
    "quotes that fold line breaks": rewrite(rf'^(quoted: )"{TOKEN}"$', r"\1'\2'"),
    "a folded block instead of a literal one": swap("block: |-\n", "block: >-\n"),
    "blank lines behind a block that keeps them": swap("ratio: ", "\n\nratio: "),
    "an anchor is added": swap("local: ", "local: &x "),
    "a tag is changed": swap("local: !a ", "local: !b "),
    "a tag is removed": swap("local: !a ", "local: "),
    "a tag is added": rewrite(r"^app: ", "app: !a "),
    "a readable value gets quotes": swap("host_unencrypted: ab", "host_unencrypted: 'ab'"),
    "a key gets quotes": rewrite(r"^app: ", '"app": '),
    "a commented value moves to another mapping": lambda text: _move_comment(text),
}

SEEN_BY_SOPS: dict[str, Change] = {
    "a readable value is changed": swap("host_unencrypted: ab", "host_unencrypted: ax"),
    "a readable value is added": swap("  none:\n", "  none:\n  x_unencrypted: more\n"),
    "a readable value is removed": swap("  host_unencrypted: ab\n", ""),
    "readable values are exchanged": rewrite(r"^(.*): ab\n(.*): cd\n", r"\1: cd\n\2: ab\n"),
    "a token is removed": rewrite(rf"^  user: {TOKEN}\n", ""),
    "a token is repeated": rewrite(rf"^- {TOKEN}\n", r"- \1\n- \1\n"),
    "tokens of a list change places": rewrite(rf"^- - {TOKEN}\n  - {TOKEN}$", r"- - \2\n  - \1"),
    "tokens of two keys change places": exchange("user", "password"),
    "an encrypted key is renamed": rewrite(r"^  user: ENC", "  login: ENC"),
    "a mapping above is renamed": swap("\ndb:\n", "\ndata:\n"),
    "a token's ciphertext is changed": rewrite(r"(password: ENC\[AES256_GCM,data:)(.)(.)", r"\1\3\2"),
    "a token's tag is changed": rewrite(r"(password: .*tag:)(.)(.)", r"\1\3\2"),
    "a token's IV is changed": rewrite(r"(password: .*iv:)(.)(.)", r"\1\3\2"),
    "a token becomes plaintext": rewrite(rf"^  user: {TOKEN}", "  user: root"),
    "the date is changed": swap('lastmodified: "2026-01-01T00:00:00Z"', 'lastmodified: "2026-01-02T00:00:00Z"'),
    "the MAC is removed": rewrite(rf"^    mac: {TOKEN}\n", ""),
    "the MAC is emptied": rewrite(rf"^    mac: {TOKEN}\n", '    mac: ""\n'),
    "the MAC is another token": rewrite(rf"^app: {TOKEN}\n((?:.*\n)*)    mac: .*$", r"app: \1\n\2    mac: \1"),
    "only encrypted values count": rewrite(r"^    version: ", "    mac_only_encrypted: true\n    version: "),
}

HARMLESS: dict[str, Change] = {
    "a readable comment is changed": swap("# a note", "# another note"),
    "a comment is added": rewrite(r"^app: (.*)$", r"# new\napp: \1 # more"),
    "blank lines": swap("lists:\n", "\n\nlists:\n"),
    "indentation": rewrite(rf"^  inner: {TOKEN}", r"      inner: \1"),
    "spaces behind a colon": rewrite(r"^  user: ", "  user:     "),
    "other quotes around what has no line break": rewrite(rf'^(  pin: )"{TOKEN}"$', r"\1'\2'"),
    "a block in place of quotes": rewrite(rf'^(quoted: )"{TOKEN}"$', r"\1>-\n  \2"),
    "the metadata above the values": lambda text: _block_first(text),
    "wrapped keys again": rewrite(r"^          recipient: ", "          created_at: x\n          recipient: "),
    "the version of sops": rewrite(r"^    version: .*$", "    version: 3.99.0"),
}


def _move_comment(text: str) -> str:
    found = re.search(rf"^  #{TOKEN}\n", text, re.MULTILINE)
    assert found is not None
    return text.replace(found.group(), "").replace("db:\n", "db:\n" + found.group(), 1)


def _block_first(text: str) -> str:
    at = text.index("\nsops:") + 1
    return text[at:] + text[:at]
