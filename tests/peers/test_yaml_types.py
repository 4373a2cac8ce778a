"""Types and dialects against the real libraries: go.yaml.in/yaml/v3 as sops uses it, and Helm's sigs.k8s.io/yaml.

The Go program in tests/peers/go/yamltypes reads documents and says what each library makes of them; a test sends all
its documents in one call.
"""

from __future__ import annotations

import base64
import json
import re
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from ksecrets.text import dialect, libyaml
from ksecrets.text.resolve import resolve, sops_refuses
from tests.scalars import sources

pytestmark = pytest.mark.filterwarnings("error")

Ask = Callable[[Iterable[str]], list[dict[str, Any]]]
Scalar = tuple[str, bool, "str | None"]


@pytest.fixture
def ask(peer: Callable[[str], str]) -> Ask:
    program = peer("yamltypes")

    def run(documents: Iterable[str]) -> list[dict[str, Any]]:
        lines = "".join(json.dumps({"yaml": text}) + "\n" for text in documents)
        done = subprocess.run([program], input=lines.encode(), capture_output=True, check=True, timeout=120)
        return [json.loads(line) for line in done.stdout.split(b"\n") if line]

    return run


def scalar_of(source: str, template: str = "k: {}\n") -> Scalar | None:
    """(value, plain, tag) of the one value in the mapping, as libyaml reads it; None where it is not one scalar."""
    try:
        events = list(libyaml.events(template.format(source)))
    except Exception:
        return None
    scalars = [event for event in events if type(event).__name__ == "ScalarEvent"]
    if len(events) != 8 or len(scalars) != 2:
        return None
    return scalars[1].value, not scalars[1].style, scalars[1].tag


def in_go(answer: dict[str, Any]) -> tuple[str, bytes | None] | None:
    """Type and bytes of the only value for sops; None where sops refuses the document or the value."""
    (leaf,) = answer["sops"]
    if answer.get("sops_error") or leaf.get("error"):
        return None
    return leaf["type"], None if leaf["type"] == "null" else base64.b64decode(leaf["bytes"])


def in_helm(answer: dict[str, Any]) -> tuple[str, object]:
    """Type and value of the only value for Helm."""
    if answer.get("helm_error"):
        return "refused", None
    kind, text = answer["helm"]["map"][0][1]
    made: dict[str, object] = {"null": None, "str": text, "bool": text == "true"}
    if kind in ("int", "float"):
        return kind, int(text) if kind == "int" else float(text)
    return kind, made[kind]


def _without_runs(read: tuple[str, object]) -> tuple[str, object]:
    """Go and Python write different numbers of replacement characters for the same bytes."""
    return read[0], re.sub("\ufffd+", "\ufffd", read[1]) if isinstance(read[1], str) else read[1]


def check_types(ask: Ask, candidates: Iterable[str]) -> list[str]:
    """Compares resolve, sops_refuses, helm_reads and differs with Go; returns the sources that sops refuses."""
    known = [(source, scalar) for source in candidates if (scalar := scalar_of(source)) is not None]
    refused = []
    for (source, (value, plain, tag)), answer in zip(known, ask(f"k: {source}\n" for source, _ in known), strict=True):
        if len(answer["sops"]) != 1:  # Go's scanner refuses what libyaml takes: facts about scanners are not for here
            assert answer.get("sops_error"), source
            continue
        expected = in_go(answer)
        ours = resolve(value, plain=plain, tag=tag)
        reason = sops_refuses(value, plain=plain, tag=tag)
        assert (reason is not None) == (expected is None), (source, reason, answer)
        if expected is None:
            refused.append(source)
        else:
            assert ours == expected, source
        helm = dialect.helm_reads(value, plain=plain, tag=tag)
        assert _without_runs(helm) == _without_runs(in_helm(answer)), source
        if expected is not None:
            kind, content = expected
            alike = helm[0] == kind or (kind == "time" and helm[1] is not None and str(helm[1]).encode() == content)
            if kind == "int":
                alike = alike and json.loads(answer["helm_json"], parse_int=float)["k"] == int(content or b"")
            elif kind == "str":
                alike = alike and str(json.loads(answer["helm_json"])["k"]).encode() == content
            assert (dialect.differs(value, plain=plain, tag=tag) is None) == alike, source
    return refused


def test_every_hand_made_scalar_is_read_as_go_reads_it(ask: Ask) -> None:
    vectors = sources()
    assert len(vectors) >= 400
    assert all(scalar_of(source) is not None for source in vectors)
    assert check_types(ask, vectors) == []


def test_what_sops_refuses_is_known(ask: Ask) -> None:
    vectors = sources("scalars_refused")
    assert check_types(ask, vectors) == vectors


NUMERIC = st.text("0123456789abcdefxXoObBeE_+-.", min_size=1, max_size=24)
DECIMAL = st.one_of(
    st.integers(-(2**70), 2**70).map(str),
    st.integers(-(2**70), 2**70).map(hex),
    st.integers(-(2**70), 2**70).map(oct),
    st.integers(-(2**70), 2**70).map(bin),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.decimals(allow_nan=False, allow_infinity=False).map(str),
)
FIELD = st.integers(0, 99).flatmap(lambda n: st.sampled_from([str(n), f"{n:02d}"]))
TIME = st.builds(
    lambda y, mo, d, mark, h, mi, s, fraction, zone: f"{y}-{mo}-{d}{mark}{h}:{mi}:{s}{fraction}{zone}",
    st.integers(0, 10100).map(lambda n: f"{n:04d}"),
    st.integers(0, 13).flatmap(lambda n: st.sampled_from([str(n), f"{n:02d}"])),
    st.integers(0, 32).flatmap(lambda n: st.sampled_from([str(n), f"{n:02d}"])),
    st.sampled_from(["T", "t", " ", "  ", "_"]),
    st.integers(0, 25).map(str) | FIELD,
    st.integers(0, 61).map(str),
    st.integers(0, 61).map(str),
    st.just("") | st.text("0123456789", max_size=12).flatmap(lambda t: st.sampled_from(["." + t, "," + t])),
    st.sampled_from(
        ["Z", "", "z", " Z", "+01:00", "-23:59", "+00:00", "-00:00", "+24:00", "+1:00", "-05:60", "+25:00"]
    ),
)
DATE = st.builds(lambda y, m, d: f"{y:04d}-{m}-{d}", st.integers(0, 9999), st.integers(0, 13), st.integers(0, 32))
TAG = st.sampled_from(
    ["", "", "", "!!int ", "!!float ", "!!bool ", "!!null ", "!!timestamp ", "!!str ", "!!binary ", "! ", "!x "]
)
MUTATED = st.builds(
    lambda source, at, char: source[: at % (len(source) + 1)] + char + source[at % (len(source) + 1) :],
    st.sampled_from(sources()),
    st.integers(0, 60),
    st.sampled_from([*"0123456789_+-.:,eExob TZ~#'\"\\", ""]),
)
WORD = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n\r"), max_size=12)
VALUE = st.one_of(NUMERIC, DECIMAL, TIME, DATE, WORD)
SOURCE = st.one_of(
    st.builds(lambda tag, value: tag + value, TAG, VALUE),
    st.builds(lambda tag, value: tag + dialect.quote(value), TAG, VALUE),
    MUTATED,
)


def generated(strategy: st.SearchStrategy[Any], count: int = 800) -> list[Any]:
    """Examples of a strategy, to be judged all in one call of the program (so without shrinking)."""
    found: list[Any] = []

    @given(strategy)
    @settings(max_examples=count, phases=[Phase.generate], deadline=None, database=None)
    def collect(example: Any) -> None:
        found.append(example)

    collect()
    return found


def test_generated_scalars_are_read_as_go_reads_them(ask: Ask) -> None:
    check_types(ask, generated(SOURCE, 2000))


def check_alike(ask: Ask, candidates: Iterable[str]) -> None:
    """Wherever reads_alike says yes, libyaml and both Go libraries must say so too."""
    template = "a: 1\nk: {}\nz: 1\n"
    claimed = []
    for source in candidates:
        kind, content = resolve(source, plain=True, tag=None)
        if source and dialect.reads_alike(source, kind, content):
            assert scalar_of(source) == (source, True, None), source
            claimed.append((source, kind, content))
    documents = [template.format(source) for source, _, _ in claimed]
    for (source, kind, content), answer in zip(claimed, ask(documents), strict=True):
        assert "sops_error" not in answer, source
        leaf = answer["sops"][1]
        assert (leaf["type"], base64.b64decode(leaf["bytes"])) == (kind, content or b""), source
        if content in (b"NaN", b"+Inf", b"-Inf"):
            continue
        helm_kind, helm_text = answer["helm"]["map"][1][1]
        if kind == "time":
            assert (helm_kind, helm_text) == ("str", source)
        elif kind in ("str", "int"):
            assert (helm_kind, helm_text.encode()) == (kind, content), source
        elif kind == "float":
            assert helm_kind == "float", source
            assert float(helm_text) == float(content or b"")
        else:
            assert helm_kind == kind, source


def test_plain_scalars_called_alike_are_alike(ask: Ask) -> None:
    check_alike(ask, sources())


def test_generated_plain_scalars_called_alike_are_alike(ask: Ask) -> None:
    check_alike(ask, generated(st.one_of(VALUE, MUTATED)))


def check_render(ask: Ask, values: list[tuple[str, bytes]]) -> None:
    """A rendered value is read as this value by sops and by Helm: in a block, a flow collection, a list and a root."""
    documents = []
    for kind, content in values:
        plain, quoted = dialect.render(kind, content), dialect.render_quoted(kind, content)
        assert "\n" not in plain + quoted
        documents.append(f"k: {plain}\nf: {{a: {quoted}, b: [{quoted}]}}\nl:\n- {plain}\n- 1\n")
    for (kind, content), answer in zip(values, ask(documents), strict=True):
        assert "sops_error" not in answer, answer
        assert {(leaf["type"], base64.b64decode(leaf["bytes"])) for leaf in answer["sops"][:4]} == {(kind, content)}
        if content in (b"NaN", b"+Inf", b"-Inf"):
            continue
        assert "helm_error" not in answer, answer
        values_of = json.loads(answer["helm_json"], parse_int=float if kind == "float" else int)
        found = [values_of["k"], values_of["f"]["a"], values_of["f"]["b"][0], values_of["l"][0]]
        if kind in ("str", "time"):
            expected: object = content.decode("utf-8", "replace")
        elif kind == "bool":
            expected = content == b"True"
        else:
            expected = float(content) if kind == "float" else int(content)
        if kind == "str" and "\ufffd" in str(expected):
            continue  # bytes that are no text: how many marks replace them is no one's business
        assert found == [expected] * 4, (kind, found)


def test_render_of_every_vector(ask: Ask) -> None:
    values = set()
    for source in sources():
        scalar = scalar_of(source)
        assert scalar is not None
        kind, content = resolve(scalar[0], plain=scalar[1], tag=scalar[2])
        if content is not None:
            values |= {(kind, content), ("str", content), ("str", source.encode())}
    check_render(ask, sorted(values))


TEXT = st.one_of(VALUE, SOURCE, st.text(max_size=30), st.text("'\"\\ \t\n\r:#-?,[]{}!&*|>%@`~=<y\x85\u2028\ufeff\x00"))
CONTENT = st.one_of(
    TEXT.map(lambda text: ("str", text.encode())),
    st.binary(max_size=12).map(lambda data: ("str", data)),
    st.integers(-(2**63), 2**63 - 1).map(lambda n: ("int", b"%d" % n)),
    st.floats(allow_nan=False, allow_infinity=False).map(lambda n: resolve(f"{n!r}", plain=True, tag=None)),
    st.sampled_from([("bool", b"True"), ("bool", b"False"), ("float", b"NaN"), ("float", b"-Inf"), ("float", b"-0")]),
    TIME.map(lambda t: resolve(t, plain=True, tag=None)).filter(lambda r: r[0] == "time" and b"+24" not in r[1]),
)


def test_render_of_generated_values(ask: Ask) -> None:
    check_render(ask, generated(CONTENT))


def test_helm_makes_true_of_a_key_called_on(ask: Ask) -> None:
    (answer,) = ask(["on: 1\ny: 2\n"])
    assert answer["helm_json"] == '{"true":2}'
    assert dialect.differs("on", plain=True, tag=None) is not None


def test_sops_itself_gives_the_hand_made_scalars_these_types(sops: str, age_keygen: str, tmp_path: Path) -> None:
    key = subprocess.run([age_keygen], capture_output=True, text=True, check=True).stdout
    recipient = key.split("public key: ")[1].split()[0]
    vectors = sources()
    plain = tmp_path / "plain.yaml"
    plain.write_bytes("".join(f"k{index}: {source}\n" for index, source in enumerate(vectors)).encode())
    done = subprocess.run([sops, "encrypt", "--age", recipient, plain], capture_output=True, text=True, check=True)
    written = dict(re.findall(r"^k(\d+): (.*)$", done.stdout, re.M))
    assert len(written) == len(vectors)
    for index, source in enumerate(vectors):
        scalar = scalar_of(source)
        assert scalar is not None
        kind, content = resolve(scalar[0], plain=scalar[1], tag=scalar[2])
        token = re.match(r"ENC\[[^]]*,type:(\w+)\]", written[str(index)])
        if content:
            assert token is not None, source
            assert token[1] == kind, source
        else:
            assert written[str(index)].split("#")[0].strip() == ('""' if content == b"" else "null"), source


@pytest.mark.parametrize("source", sources("scalars_refused"))
def test_sops_itself_refuses_the_others(sops: str, age_keygen: str, tmp_path: Path, source: str) -> None:
    key = subprocess.run([age_keygen], capture_output=True, text=True, check=True).stdout
    recipient = key.split("public key: ")[1].split()[0]
    plain = tmp_path / "plain.yaml"
    plain.write_bytes(f"k: {source}\n".encode())
    assert subprocess.run([sops, "encrypt", "--age", recipient, plain], capture_output=True).returncode != 0
