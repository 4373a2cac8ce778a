"""Go's regular expressions: a table by hand; tests/peers/test_re2.py asks Go itself."""

from __future__ import annotations

import pytest

from ksecrets.errors import ConfigError
from ksecrets.rules import re2


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("^(data|stringData)$", "data", True),
        ("^(data|stringData)$", "data\n", False),  # Python's `$` would
        ("^(data|stringData)$", "metadata", False),
        ("pass", "my_password", True),
        ("(?i)PASS", "password", True),
        ("(?i)k", "\u212a", True),
        (r"\d", "\u0665", False),  # an Arabic digit
        (r"\s", "\x0b", False),
        (r"\B", "", True),
        (r"\z", "x", True),
        (r"\Qa.b\E", "a.b", True),
        (r"\Qa.b\E", "axb", False),
        ("[[:alpha:]_]+$", "a_b", True),
        ("[^[:alpha:]]", "ab", False),
        ("a{,2}", "a", False),  # plain characters for Go
        ("a{,2}", "a{,2}", True),
        ("(?P<n>a)(?<m>b)", "ab", True),
        ("x(?i)y|z", "Z", True),
        ("(?i:x)y", "Xy", True),
        ("(?i:x)y", "XY", False),
        ("(?s).", "\n", True),
        (".", "\n", False),
        ("(?m)^b$", "a\nb\nc", True),
        ("(?U)a+", "aa", True),
        (r"\x{1F600}", "\U0001f600", True),
        (r"\101", "A", True),
        ("[]a]", "]", True),
        ("[a-]", "-", True),
        ("(a|b*)?c", "c", True),
        (r"^*x", "x", True),
        ("", "", True),
    ],
)
def test_means_what_go_means(pattern: str, text: str, found: bool) -> None:
    assert bool(re2.compile(pattern).search(text)) is found


@pytest.mark.parametrize(
    ("pattern", "named"),
    [
        ("(?=a)", "lookaround"),
        ("(?<!a)b", "lookaround"),
        (r"(a)\1", "backreference"),
        ("a++", "one repetition after the other"),
        ("a**", "one repetition after the other"),
        ("(?>a)", "(?>"),
        ("(?x)a", "(?x"),
        ("(?P=n)", "(?P"),
        (r"\Z", r"`\Z`"),
        (r"\pL", "Unicode class"),
        (r"[\p{Greek}]", "Unicode class"),
        (r"\C", "single byte"),
        ("(?i)\u00e9", "outside ASCII"),
        ("[[:nope:]]", "[:nope:]"),
        (r"[\b]", r"`\b`"),
        ("*a", "nothing before it"),
        ("a{1001}", "1000"),
        ("(a{100}){100}", "1000"),
        ("(", "without its `)`"),
        (")", "without its `(`"),
        ("[a", "without its `]`"),
        ("[b-a]", "backwards"),
        ("(" * 2000 + ")" * 2000, "deeper"),
        ("a\\", "at its end"),
    ],
)
def test_refusals_name_the_construct(pattern: str, named: str) -> None:
    with pytest.raises(ConfigError) as caught:
        re2.compile(pattern)
    assert named in caught.value.message
