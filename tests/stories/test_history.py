"""History without keys: real git, real files, nobody's identity at hand when history is read."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

import ksecrets
from ksecrets.operations.history.steps import KINDS
from ksecrets.operations.history.view import entry_data, line_data, render_blame, render_entry
from tests.conftest import Cli, Repo
from tests.histories import make
from tests.team import DEV, PROD, Team, person, unsealed

Steps = list[tuple[str, str]]

TEXT = "db:\n  user: app\n  password: s3cret\n  port: 5432\n"


@pytest.fixture
def team(repo: Repo) -> Team:
    return Team(repo)


@pytest.fixture
def shop(team: Team) -> Team:
    """dev and prod, encrypted and committed."""
    team.write(DEV, TEXT)
    team.write(PROD, TEXT)
    team.repo.commit("first")
    return team


def steps(team: Team, path: str | None = None, key: str | None = None) -> dict[str, Steps]:
    """Of each commit by its subject: kind and path of its steps."""
    data = [entry_data(entry) for entry in ksecrets.log(path, key, session=team.session())]
    found: dict[str, Steps] = {}
    for entry in json.loads(json.dumps(data)):
        assert entry["subject"] not in found
        found[entry["subject"]] = [(step["kind"], step["path"]) for file in entry["files"] for step in file["values"]]
    return found


def text(team: Team, path: str | None = None, *, every: bool = False) -> str:
    return "".join(render_entry(entry, every=every) for entry in ksecrets.log(path, session=team.session()))


def set_value(team: Team, path: str, key: str, value: object, message: str) -> str:
    ksecrets.set(path, key, value, session=team.session("alice"))
    return team.repo.commit(message)


def last(team: Team, path: str) -> dict[str, str | None]:
    """By path: the subject of the commit of its last real change."""
    now = 1_800_000_000
    lines = [line_data(line, now) for line in ksecrets.blame(path, session=team.session())]
    found = {}
    for line in lines:
        commit = line["commit"]
        assert commit is None or isinstance(commit, dict)
        found[str(line["path"])] = commit["subject"] if commit is not None else None
    return found


def test_values_that_were_added_changed_and_removed(shop: Team) -> None:
    set_value(shop, DEV, "db.password", "horse", "change")
    set_value(shop, DEV, "db.token", "new", "add")
    ksecrets.unset(DEV, "db.user", session=shop.session("alice"))
    shop.repo.commit("remove")
    shop.repo.write("README.md", "about something else\n")
    shop.repo.commit("nothing secret")
    found = steps(shop)
    assert list(found) == ["remove", "add", "change", "first"]
    assert found["remove"] == [("removed", "db.user")]
    assert found["add"] == [("added", "db.token")]
    assert found["change"] == [("changed", "db.password")]
    assert found["first"] == [("added", f"db.{key}") for key in ("user", "password", "port")] * 2
    assert steps(shop, DEV, "db.password") == {
        "change": [("changed", "db.password")],
        "first": [("added", "db.password")],
    }
    assert steps(shop, PROD, "db.password") == {"first": [("added", "db.password")]}
    assert list(steps(shop, "env/prod")) == ["first"]


def test_no_value_and_no_token_is_shown(shop: Team) -> None:
    set_value(shop, DEV, "db.password", "horse", "change")
    data = json.dumps([entry_data(entry) for entry in ksecrets.log(session=shop.session())])
    lines = ksecrets.blame(DEV, session=shop.session())
    for shown in (data, text(shop, every=True), render_blame(lines, 0), repr(lines)):
        assert "ENC[" not in shown
        assert "horse" not in shown


def test_encrypting_again_is_no_change(shop: Team) -> None:
    plain = shop.plain(DEV)
    shop.write(DEV, plain)  # decrypt -i, encrypt -i
    assert shop.repo.git("status", "--porcelain") == ""
    shop.write(DEV, "# a comment\n" + plain)
    shop.repo.commit("comment")
    assert list(steps(shop)) == ["first"]


def test_through_a_rename(shop: Team) -> None:
    set_value(shop, DEV, "db.password", "horse", "before")
    new = "other/dev/secrets-shop.yaml"
    (shop.repo / new).parent.mkdir(parents=True)
    shop.repo.git("mv", DEV, new)
    shop.repo.commit("rename")
    set_value(shop, new, "db.user", "shop", "after")
    found = steps(shop, new)
    assert list(found) == ["after", "rename", "before", "first"]
    assert found["rename"] == []
    assert f"{DEV} → {new}" in text(shop, new)
    assert last(shop, new) == {"db.user": "after", "db.password": "before", "db.port": "first"}
    assert list(steps(shop, DEV)) == ["rename", "before", "first"]  # the old name, which is gone


def test_a_rotation_says_that_nothing_is_known_of_values(shop: Team) -> None:
    set_value(shop, DEV, "db.password", "horse", "change")
    shop.rules(dev="alice")
    old = shop.kid(DEV)
    ksecrets.updatekeys(DEV, session=shop.session("alice"))
    assert shop.kid(DEV) != old
    rotation = shop.repo.commit("bob leaves")
    found = steps(shop, DEV)
    assert found["bob leaves"] == [("re-keyed", f"db.{key}") for key in ("user", "password", "port")]
    shown = text(shop, DEV)
    assert "3 values under a new data key; whether they changed cannot be known" in shown
    assert "! readers: -" in shown
    lines = ksecrets.blame(DEV, session=shop.session())
    assert last(shop, DEV) == {"db.user": "first", "db.password": "change", "db.port": "first"}
    assert all([commit.id for commit in line.since] == [rotation] for line in lines)
    assert "whether it changed then cannot be known" in render_blame(lines, 0)


def test_a_reader_who_is_added_changes_no_value(shop: Team) -> None:
    shop.rules(dev="alice, bob, ci")
    ksecrets.updatekeys(DEV, session=shop.session("alice"))
    shop.repo.commit("ci may read dev")
    assert steps(shop, DEV)["ci may read dev"] == []
    assert "    ! readers: +ci\n" in text(shop, DEV)


def test_a_merge_shows_only_what_neither_side_had(shop: Team) -> None:
    git = shop.repo.git
    git("checkout", "-q", "-b", "side")
    set_value(shop, DEV, "db.password", "of the side", "side")
    theirs = shop.plain(DEV)
    git("checkout", "-q", "main")
    set_value(shop, DEV, "db.user", "of main", "main")
    ours = shop.plain(DEV)
    git("merge", "-q", "--no-commit", "side", check=False)
    git("checkout", "-q", "--ours", DEV)
    ksecrets.set(DEV, "db.password", "of the side", session=shop.session("alice"))
    assert shop.plain(DEV) not in (ours, theirs)
    shop.repo.commit("merge")
    assert steps(shop, DEV) == {
        "main": [("changed", "db.user")],
        "side": [("changed", "db.password")],
        "first": [("added", f"db.{key}") for key in ("user", "password", "port")],
    }
    assert last(shop, DEV) == {"db.user": "main", "db.password": "side", "db.port": "first"}


def test_a_merge_that_slips_in_a_value_is_told(shop: Team) -> None:
    """An attack: a value that neither branch has, put into the merge commit, where few look."""
    git = shop.repo.git
    git("checkout", "-q", "-b", "side")
    set_value(shop, DEV, "db.password", "of the side", "side")
    git("checkout", "-q", "main")
    shop.repo.write("other", "")
    shop.repo.commit("main")
    git("merge", "-q", "--no-ff", "--no-commit", "side")
    set_value(shop, DEV, "db.user", "evil", "merge")
    assert len(shop.repo.git("rev-list", "--parents", "-1", "HEAD").split()) == 3
    assert steps(shop, DEV)["merge"] == [("changed", "db.user")]
    assert "(merge)" in text(shop, DEV)


def test_a_rename_on_one_branch_and_a_change_on_the_other(shop: Team) -> None:
    git = shop.repo.git
    new = "env/dev/secrets-shop.yaml"
    git("checkout", "-q", "-b", "side")
    set_value(shop, DEV, "db.password", "of the side", "side")
    git("checkout", "-q", "main")
    git("mv", DEV, new)
    shop.repo.commit("rename")
    git("merge", "-q", "--no-edit", "side")
    assert list(steps(shop, new)) == ["side", "rename", "first"] or list(steps(shop, new)) == [
        "rename",
        "side",
        "first",
    ]
    assert last(shop, new)["db.password"] == "side"


def test_a_discarded_branch_is_not_blamed(shop: Team) -> None:
    git = shop.repo.git
    git("checkout", "-q", "-b", "side")
    set_value(shop, DEV, "db.password", "discarded", "side")
    git("checkout", "-q", "main")
    shop.repo.write("other", "")
    shop.repo.commit("main")
    git("merge", "-q", "-s", "ours", "--no-edit", "side")
    assert last(shop, DEV)["db.password"] == "first"


def test_a_value_in_another_file_or_place(shop: Team) -> None:
    """A token that stands elsewhere is no new value: it was put there, and AES-GCM will not open it there."""
    dev, prod = shop.read(DEV), shop.read(PROD)
    token = next(line for line in dev.split("\n") if "password" in line)
    shop.repo.write(DEV, dev.replace(token + "\n", ""))
    shop.repo.write(PROD, prod.replace("db:\n", "db:\n" + token.replace("password", "other") + "\n"))
    shop.repo.commit("between files")
    found = steps(shop, PROD)["between files"]
    assert found == [("moved", "db.other")]
    assert f"(moved from {DEV} db.password)" in text(shop, PROD)
    user, port = (line.split(": ", 1)[1] for line in prod.split("\n") if "user" in line or "port" in line)
    shop.repo.write(PROD, prod.replace(user, "@@").replace(port, user).replace("@@", port))
    shop.repo.commit("swapped")
    assert ("moved", "db.user") in steps(shop, PROD)["swapped"]
    assert ("moved", "db.port") in steps(shop, PROD)["swapped"]


def test_items_of_lists(team: Team) -> None:
    team.write(DEV, "users:\n- {name: a, password: one}\n- {name: b, password: two}\n")
    team.repo.commit("first")
    plain = team.plain(DEV)
    team.write(DEV, plain.replace("users:\n", "users:\n- {name: z, password: zero}\n"))
    team.repo.commit("in front")
    assert steps(team)["in front"] == [("added", "users[0].name"), ("added", "users[0].password")]
    assert last(team, DEV) == {
        "users[0].name": "in front",
        "users[0].password": "in front",
        "users[1].name": "first",
        "users[1].password": "first",
        "users[2].name": "first",
        "users[2].password": "first",
    }
    lines = team.read(DEV).split("\n")
    swapped = [*lines[:1], lines[2], lines[1], *lines[3:]]
    team.repo.write(DEV, "\n".join(swapped))
    team.repo.commit("swapped")
    assert {kind for kind, _ in steps(team)["swapped"]} == {"moved"}


def test_what_was_plaintext_once(team: Team) -> None:
    team.repo.write(DEV, TEXT)
    plain = team.repo.commit("oops")
    ksecrets.encrypt(DEV, write=True, session=team.session("alice"))
    team.repo.commit("encrypted")
    set_value(team, DEV, "db.password", "horse", "rotated")
    found = steps(team)
    assert found["encrypted"] == [("encrypted", f"db.{key}") for key in ("user", "password", "port")]
    assert "! PLAINTEXT in this commit, and dev wants it encrypted" in text(team)
    lines = {line.where[1]: line for line in ksecrets.blame(DEV, session=team.session())}
    assert lines["db", "user"].plaintext == plain
    assert lines["db", "password"].plaintext is None  # this one was replaced since
    assert f"was PLAINTEXT in {plain[:10]}" in render_blame(list(lines.values()), 0)


def test_a_value_that_is_readable_now(shop: Team) -> None:
    line = next(line for line in shop.read(DEV).split("\n") if "password" in line)
    shop.repo.write(DEV, shop.read(DEV).replace(line, "  password: s3cret"))
    shop.repo.commit("half-decrypted")
    assert steps(shop, DEV)["half-decrypted"] == [("decrypted", "db.password")]
    assert "s3cret" not in text(shop)


def test_what_is_not_committed(shop: Team) -> None:
    ksecrets.set(DEV, "db.password", "horse", session=shop.session("alice"))
    assert last(shop, DEV) == {"db.user": "first", "db.password": None, "db.port": "first"}
    assert "not committed yet" in render_blame(ksecrets.blame(DEV, session=shop.session()), 0)


def test_written_by_sops(shop: Team, sops: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOPS_AGE_KEY", person("alice").secret)

    def run(*words: str) -> str:
        return subprocess.run([sops, *words], check=True, capture_output=True, text=True).stdout

    run("set", DEV, '["db"]["password"]', '"horse"')
    shop.repo.commit("sops set")
    assert steps(shop, DEV)["sops set"] == [("changed", "db.password")]
    assert "! no seal any more: sops wrote it, or it was removed" in text(shop, DEV)
    run("rotate", "-i", DEV)
    shop.repo.commit("sops rotate")
    assert {kind for kind, _ in steps(shop, DEV)["sops rotate"]} == {"re-keyed"}
    assert last(shop, DEV) == {"db.user": "first", "db.password": "sops set", "db.port": "first"}
    run("set", DEV, '["db"]["port"]', "5433")
    shop.repo.commit("sops set again")
    assert steps(shop, DEV)["sops set again"] == [("changed", "db.port")]


def test_all_tokens_anew_under_one_data_key(team: Team) -> None:
    """What no tool should do, and what would look like a change of every value."""
    other = Team.write
    one = other(team, DEV, "a: one\nb: two\n")
    team.repo.write(DEV, unsealed(one))
    team.repo.commit("first")
    two = other(team, DEV, one_changed(team.plain(DEV)))
    head, block = unsealed(one).split("sops:\n")
    team.repo.write(DEV, two.split("sops:\n")[0] + "sops:\n" + block)
    assert head != two.split("sops:\n")[0]
    team.repo.commit("anew")
    assert steps(team)["anew"] == [("re-encrypted", "a"), ("re-encrypted", "b")]


def one_changed(plain: str) -> str:
    return plain.replace("one", "uno").replace("two", "due")


HOSTILE: dict[str, Callable[[str], bytes]] = {
    "no UTF-8": lambda text: b"\xff\xfe sops:" + text.encode(),
    "no YAML": lambda text: b"a: [\n" + text.encode(),
    "two blocks": lambda text: (text + "sops:\n  x: 1\n").encode(),
    "a block that is none": lambda text: b"a: 1\nsops: 7\n",
    "too deep": lambda text: b"a: " + b"[" * 2000 + b"]" * 2000 + b"\nsops: {}\n",
    "deep and wide": lambda text: (
        "\n".join(" " * depth + f"k{depth}:" for depth in range(400))
        + "\n"
        + "\n".join(" " * 400 + f"v{number}: 1" for number in range(20_000))
        + "\n"
        + text[text.index("sops:") :]
    ).encode(),
    "gigantic": lambda text: b"# " + b"x" * (17 << 20) + b"\n" + text.encode(),
    "empty": lambda text: b"",
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_blob_that_cannot_be_read_stops_nothing(shop: Team, what: str) -> None:
    good = shop.read(DEV)
    shop.repo.write(DEV, HOSTILE[what](good))
    shop.repo.commit("hostile")
    shop.repo.write(DEV, good)
    shop.repo.commit("repaired")
    set_value(shop, DEV, "db.password", "horse", "after")
    found = steps(shop, DEV)
    assert list(found) == ["after", "repaired", "hostile", "first"]
    assert found["after"] == [("changed", "db.password")]
    if what != "empty":
        assert found["hostile"] == found["repaired"] == []
        assert text(shop, DEV).count("so what changed is unknown") == 2
    assert last(shop, DEV)["db.password"] == "after"


@pytest.mark.skipif(os.name == "nt", reason="such names cannot be made there")
def test_names_that_a_shell_or_a_terminal_would_run(shop: Team) -> None:
    """security.md: file names, authors, subjects and keys are somebody else's text."""
    marker = shop.repo / "ran"
    names = [
        "-rf.yaml",
        f"$(touch {marker.name}).yaml",
        "a\nb\t\x1b[31mred.yaml",
        ":(glob)*.yaml",
        "commit deadbeef.yaml",
        ":100644 100644 a b M.yaml",
        os.fsdecode(b"\xff.yaml"),
    ]
    encrypted = shop.read(DEV)
    for name in names:
        shop.repo.write(name, encrypted.replace("user:", '"\\e[31m":'))
    shop.repo.git("add", "-A")
    shop.repo.git(
        "-c", "user.name=Eve\x1b[31m", "commit", "-qm", "subject \x1b]0;owned\x07 :100644\n\n:100644 100644 body"
    )
    session = shop.session()
    entry = next(iter(ksecrets.log(session=session)))
    assert sorted(touched.path for touched in entry.files) == sorted(names)
    shown = render_entry(entry, every=True)
    assert "\x1b" not in shown
    assert "\x07" not in shown
    for name in names:
        assert [each.commit.id for each in ksecrets.log(os.path.join(shop.repo.path, name), session=session)] == [
            entry.commit.id
        ]
    assert not marker.exists()


def test_settings_of_the_repository_start_nothing_and_change_nothing(shop: Team, tmp_path: Path) -> None:
    """security.md rule 12: what the repository's configuration names is not run, and the answer stays the same."""
    set_value(shop, DEV, "db.password", "horse", "change")
    before = steps(shop)
    ran = tmp_path / "ran"
    for name, value in {
        "diff.external": f"touch {ran}",
        "diff.ksecrets.textconv": f"touch {ran};",
        "core.pager": f"touch {ran}",
        "core.fsmonitor": f"touch {ran}",
        "log.showSignature": "true",
        "gpg.program": f"touch {ran}",
        "log.diffMerges": "off",
        "log.follow": "true",
        "diff.renames": "false",
        "diff.noprefix": "true",
        "log.decorate": "full",
        "format.pretty": "oneline",
        "color.ui": "always",
        "log.showRoot": "false",
        "diff.orderFile": str(tmp_path / "order"),
        "notes.displayRef": "refs/notes/*",
    }.items():
        shop.repo.git("config", name, value)
    assert steps(shop) == before
    assert not ran.exists()


def test_a_shallow_clone_says_so(shop: Team, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    set_value(shop, DEV, "db.password", "horse", "change")
    shop.repo.git("clone", "-q", "--depth", "1", f"file://{shop.repo.path}", str(tmp_path / "clone"))
    monkeypatch.chdir(tmp_path / "clone")
    session = shop.session()
    assert len(list(ksecrets.log(session=session))) == 1
    assert any("shallow" in note for note in session.notes)


def test_windows_line_ends_and_other_layouts(team: Team) -> None:
    for name, plain in (
        ("crlf", TEXT.replace("\n", "\r\n")),
        ("flow", "{a: one, b: [two, {}]}\n"),
        ("list", "- one\n- {a: two}\n"),
        ("documents", "a: one\n---\na: two\n"),
        ("twice", "a: one\na: two\n"),
        ("open", "a: one"),
    ):
        path = f"{name}/dev/secrets.yaml"
        team.write(path, plain)
        team.repo.commit(f"{name} first")
        team.write(path, team.plain(path).replace("app", "shop").replace("two", "zwei").replace("a: one", "a: eins", 1))
        team.repo.commit(f"{name} then")
    found = steps(team)
    assert found["crlf then"] == [("changed", "db.user")]
    assert found["flow then"] == [("changed", "a"), ("changed", "b[0]")]
    assert found["list then"] == [("changed", "[1].a")]
    assert found["documents then"] == [("changed", "a"), ("changed", "a")]
    assert found["twice then"] == [("changed", "a"), ("changed", "a")]
    assert found["open then"] == [("changed", "a")]


def test_mistakes(shop: Team, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session = shop.session()
    with pytest.raises(ksecrets.KsecretsError, match="no commit"):
        list(ksecrets.log("env/dev/none.yaml", session=session))
    with pytest.raises(ksecrets.KsecretsError, match="no commit of this repository"):
        ksecrets.log(revision="--output=x", session=session)
    with pytest.raises(ksecrets.KsecretsError, match="folder"):
        ksecrets.log("env", "a.b", session=session)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ksecrets.KsecretsError, match="not a git repository"):
        ksecrets.log(session=session)


def test_a_long_history_is_told_as_it_was_made(repo: Repo, tmp_path: Path) -> None:
    """5,000 commits take 2.6 s on two busy cores; here 300, and that nothing is missed."""
    counts = make(tmp_path / "long", commits=300, files=12)
    assert min(counts.values()) > 0
    found = dict.fromkeys(counts, 0)
    for entry in ksecrets.log(str(tmp_path / "long"), session=ksecrets.Session({})):
        for touched in entry.files:
            for step in touched.steps:
                if step.secret:
                    found[step.kind] += 1
    assert found == counts


def test_the_commands(shop: Team, cli: Cli) -> None:
    set_value(shop, DEV, "db.password", "horse", "change")
    shown = cli("log", DEV, "db.password").ok().stdout
    assert [line.strip() for line in shown.splitlines() if line.startswith("    ")] == [
        "~ db.password",
        "+ db.password",
    ]
    data = json.loads(cli("log", "--json", "--rev", "HEAD~1").ok().stdout)
    assert [entry["subject"] for entry in data] == ["first"]
    assert {value["kind"] for entry in data for file in entry["files"] for value in file["values"]} <= set(KINDS)
    lines = cli("blame", DEV).ok().stdout.splitlines()
    assert [line.split("  ")[-1] for line in lines] == ["db.user", "db.password", "db.port"]
    (password,) = (
        each for each in json.loads(cli("blame", "--json", DEV).ok().stdout) if each["path"] == "db.password"
    )
    assert password["commit"]["subject"] == "change"
    assert password["age_days"] == 0
    failed = cli("log", "none.yaml")
    assert failed.code == 1
    assert "no commit of HEAD knows it" in failed.stderr


FORMATS = {
    "secrets.json": ('{"db": {"user": "app", "password": "s3cret"},\n "port": 5432}\n', "db.password"),
    "secrets.env": ("# of the database\nUSER=app\nPASSWORD=s3cret\nPORT=5432\n", "PASSWORD"),
    "secrets.ini": ("[db]\nuser = app\npassword = s3cret\nport = 5432\n", "db.password"),
}


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_has_a_history(team: Team, name: str) -> None:
    content, key = FORMATS[name]
    path = f"env/dev/{name}"
    rules = team.repo / ".ksecrets.yaml"
    rules.write_text(rules.read_text().replace("**/dev/secrets*.yaml", "**/dev/secrets*"))
    team.write(path, content)
    team.repo.commit("first")
    set_value(team, path, key, "another", "rotated")
    assert steps(team, path)["rotated"] == [("changed", key)]
    found = last(team, path)
    assert found[key] == "rotated"
    assert len(found) == 3
    assert {subject for where, subject in found.items() if where != key} == {"first"}
