"""People come and go: five people, two machines, three environments, and sops beside us at every step.

After each step sops decrypts every file with each key, and may do so with exactly the keys that should open it.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.company import DEV, FILES, PROD, TEST, Company
from tests.conftest import Cli, Repo
from tests.team import person


@pytest.fixture
def company(repo: Repo, cli: Cli, sops: str, tmp_path: Path) -> Company:
    return Company(repo, cli, sops, tmp_path)


def test_somebody_joins_and_leaves(company: Company) -> None:
    """The way of carol: she asks, is granted dev and then prod, leaves; at each step exactly the right keys open."""
    company.reads("alice bob", "alice bob test-ci", "alice prod-ci")
    fingerprint = company.fingerprint("carol")

    before = company.config
    said = company("carol", "request", "dev", "--name", "carol").ok().stderr
    assert fingerprint in said
    assert company.config == before + f"\npending:\n  carol: {{age: {person('carol').public}, wants: [dev]}}\n"
    company.repo.commit()
    company.reads("alice bob", "alice bob test-ci", "alice prod-ci")
    company("alice", "check").ok()  # a request is no finding

    tokens = re.findall(r"data:\S+,type:\w+", company.text(DEV[0]))
    done = company("alice", "grant", "carol", "--fingerprint", fingerprint).ok()
    assert "2 files re-wrapped, 0 values changed" in done.stderr
    assert company.config == before.replace("groups:", f"  carol: {{age: {person('carol').public}}}\ngroups:").replace(
        "[platform] ", "[platform, carol] "
    )
    assert re.findall(r"data:\S+,type:\w+", company.text(DEV[0]))[:2] == tokens[:2]
    company.reads("alice bob carol", "alice bob test-ci", "alice prod-ci")
    company("prod-ci", "check").ok()
    company.repo.commit()

    # A second run has nothing to do; bob cannot let her into prod, where he is not himself.
    again = company("alice", "grant", "carol").ok()
    assert "already" in again.stderr
    refused = company("bob", "grant", "carol", "prod", "--yes")
    assert refused.code == 4
    assert company.repo.git("status", "--short") == ""
    company("alice", "grant", "carol", "prod", "test", "--yes").ok()
    company.reads("alice bob carol", "alice bob carol test-ci", "alice carol prod-ci")
    company.repo.commit()

    old = company.text(PROD[0])
    done = company("alice", "revoke", "carol", "prod", "--yes").ok()
    assert "2 files got a new data key (2)" in done.stderr
    assert not set(re.findall(r"data:\S+", old)) & set(re.findall(r"data:\S+", company.text(PROD[0])))
    company.reads("alice bob carol", "alice bob carol test-ci", "alice prod-ci")
    company.repo.commit()
    company("alice", "revoke", "carol", "--yes").ok()
    company.reads("alice bob", "alice bob test-ci", "alice prod-ci")
    assert company.config == before
    company("alice", "check").ok()


def test_of_a_group_one_environment_loses_a_member(company: Company) -> None:
    company("alice", "revoke", "bob", "test", "--yes").ok()
    company.reads("alice bob", "alice test-ci", "alice prod-ci")
    assert "      - alice\n      - test-ci                 # the nightly run\n" in company.config
    assert "platform: [alice, bob]        # on call" in company.config
    company("alice", "revoke", "bob", "--yes").ok()
    company.reads("alice", "alice test-ci", "alice prod-ci")
    assert "bob" not in company.config


def test_a_request_with_another_key_is_noticed(company: Company) -> None:
    """The attack: between request and grant, the key under carol's name is exchanged for one of the attacker's."""
    fingerprint = company.fingerprint("carol")
    company("carol", "request", "prod", "--name", "carol").ok()
    exchanged = company.config.replace(person("carol").public, person("dave").public)
    company.repo.write(".ksecrets.yaml", exchanged)
    refused = company("alice", "grant", "carol", "--fingerprint", fingerprint)
    assert refused.code == 1
    assert "another fingerprint, so nothing was written" in refused.stderr
    assert company("alice", "grant", "carol").code == 1  # nobody at a terminal confirms
    assert company.config == exchanged
    company.reads("alice bob", "alice bob test-ci", "alice prod-ci")


def test_a_grant_never_lets_in_somebody_else(company: Company) -> None:
    """The attack: a branch has mallory among the readers already, and waits for any grant to wrap the files for her."""
    company("carol", "request", "dev", "--name", "carol").ok()
    planted = company.config.replace("groups:", f"  mallory: {{age: {person('dave').public}}}\ngroups:", 1).replace(
        "[platform] ", "[platform, mallory] "
    )
    company.repo.write(".ksecrets.yaml", planted)
    for command in (("grant", "carol", "--yes"), ("revoke", "bob", "--yes")):
        refused = company("alice", *command)
        assert refused.code == 1, refused
        assert "mallory: cannot read env/dev/secrets.yaml and 1 more" in refused.stderr
    assert company.config == planted
    company.reads("alice bob", "alice bob test-ci", "alice prod-ci")


def test_a_wider_environment_is_no_way_into_prod(company: Company) -> None:
    """The attack: a branch moves prod's files into dev by its globs, so that who is granted dev would read prod."""
    company("carol", "request", "dev", "--name", "carol").ok()
    moved = company.config.replace('"*/dev/secrets*.yaml"', '"*/dev/secrets*.yaml", "env/prod/*"').replace(
        '"*/prod/secrets*.yaml"', '"shop/prod/secrets*.yaml"'
    )
    company.repo.write(".ksecrets.yaml", moved)
    refused = company("alice", "grant", "carol", "--yes")
    assert refused.code == 5, refused
    assert "sealed for environment prod, and the rules give it dev" in refused.stderr
    assert company.config == moved
    company.reads("alice bob", "alice bob test-ci", "alice prod-ci")


def test_an_interrupted_grant_goes_on(company: Company) -> None:
    """Killed behind the configuration or between two files: `check` says what is left, the second run does the rest."""
    company("carol", "request", "dev", "--name", "carol").ok()
    before = {path: company.text(path) for path in DEV}
    company("alice", "grant", "carol", "--yes").ok()
    for left in (DEV[1:], DEV):  # what a kill leaves: the configuration, and some files as they were
        for path in left:
            company.repo.write(path, before[path])
        report = company("prod-ci", "check")
        assert report.code == 6
        assert [path for path in FILES if f"{path}: error: carol should read it and cannot" in report.stdout] == [*left]
        refused = company("alice", "set", left[0], "db.password", input="x")
        assert refused.code == 1
        assert company("alice", "grant", "carol").code == 1  # the fingerprint is asked for again
        done = company("alice", "grant", "carol", "--yes").ok()
        assert f"{len(left)} file" in done.stderr
        company.reads("alice bob carol", "alice bob test-ci", "alice prod-ci")


def test_an_interrupted_revoke_goes_on(company: Company) -> None:
    before = {path: company.text(path) for path in DEV}
    company.repo.commit()
    company("alice", "revoke", "bob", "--yes").ok()
    company.repo.write(DEV[1], before[DEV[1]])
    assert f"{DEV[1]}: error:" in company("prod-ci", "check").stdout
    company("alice", "revoke", "bob", "--yes").ok()
    company.reads("alice", "alice test-ci", "alice prod-ci")
    assert "reads nothing there" in company("alice", "revoke", "bob", "--yes").stderr


def test_without_access_a_revoke_is_prepared(company: Company) -> None:
    """bob takes prod-ci out, but cannot open prod: the configuration changes, `check` is red until alice goes on."""
    done = company("bob", "revoke", "alice", "prod", "--yes")
    assert done.code == 4
    assert "the change is prepared, not done" in done.stderr
    report = company("nobody", "check")
    assert report.code == 6
    assert [path for path in FILES if f"{path}: error: alice can read it and should not" in report.stdout] == [*PROD]
    assert company("prod-ci", "set", PROD[0], "db.user", input="x").code == 1
    company("prod-ci", "updatekeys", *PROD).ok()
    company("nobody", "check").ok()
    company.reads("alice bob", "alice bob test-ci", "prod-ci")


def test_nobody_is_left(company: Company) -> None:
    company("alice", "revoke", "prod-ci", "--yes").ok()
    refused = company("alice", "revoke", "alice", "--yes")
    assert refused.code == 1
    assert "alice is the only one in the readers of environments prod" in refused.stderr
    assert company("alice", "revoke", "alcie").stderr.endswith("hint: did you mean `alice`?\n")


def test_machines_and_ssh_keys_join(company: Company) -> None:
    """A colleague's ssh key, as a git host shows it; its fingerprint is the one that ssh itself shows."""
    key = company.folder / "id_ed25519"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "erin@laptop", "-f", str(key)], check=True)
    shown = subprocess.run(["ssh-keygen", "-lf", f"{key}.pub"], capture_output=True, text=True, check=True).stdout
    company.repo.write("keys.txt", "ecdsa-sha2-nistp256 AAAA no\n" + Path(f"{key}.pub").read_text())
    refused = company("erin", "request", "test", "--name", "erin", "--ssh-key", str(key))
    assert refused.code == 1
    assert "private key" in refused.stderr
    assert "PRIVATE" not in company.config
    company("erin", "request", "test", "--name", "erin", "--ssh-key", "keys.txt").ok()
    asked = company.config  # as a git host gives them: curl -s https://HOST/erin.keys | ksecrets request ...
    company.repo.git("checkout", "--quiet", ".ksecrets.yaml")
    keys = (company.repo / "keys.txt").read_text()
    company("erin", "request", "test", "--name", "erin", "--ssh-key", "-", input=keys).ok()
    assert company.config == asked
    company("dave", "request", "dev", "--name", "dave-ci", "--age", person("dave").public, "--machine").ok()
    assert f"dave-ci: {{age: {person('dave').public}, kind: machine, wants: [dev]}}" in company.config
    company("alice", "grant", "erin", "--fingerprint", shown.split()[1]).ok()
    company("alice", "grant", "dave-ci", "--yes").ok()
    company.reads("alice bob dave", "alice bob test-ci", "alice prod-ci")
    environ = {**os.environ, **company.environ("nobody"), "SOPS_AGE_SSH_PRIVATE_KEY_FILE": str(key)}
    done = subprocess.run([company.sops, "decrypt", TEST[0]], env=environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.dumps("pending") not in company.config
    company("alice", "check").ok()


def states(company: Company, who: str, name: str) -> dict[tuple[str, str], str]:
    report = json.loads(company(who, "exposure", name, "--json").ok().stdout)
    return {(row["file"], row["path"]): row["state"] for row in report["values"]}


def test_what_somebody_has_read_is_ticked_off_as_it_changes(company: Company) -> None:
    """After bob left: the checklist needs no key, follows a file that was moved, and ticks a value once it changed."""
    company.repo.commit()
    company("alice", "set", DEV[0], "db.old", input="gone soon").ok()
    company.repo.commit()
    company("alice", "unset", DEV[0], "db.old").ok()
    company("alice", "revoke", "bob", "--yes").ok()
    company.repo.commit()
    paths = ("db.password", "db.user", "port")
    expected = {(file, path): "in use" for file in (*DEV, *TEST) for path in paths} | {(DEV[0], "db.old"): "gone"}
    assert states(company, "nobody", "bob") == expected
    assert states(company, "nobody", person("bob").public) == expected

    company("alice", "set", DEV[0], "db.password", input="new").ok()
    assert states(company, "nobody", "bob") == expected | {(DEV[0], "db.password"): "changed"}
    company.repo.commit()
    os.makedirs(company.repo / "moved/dev")
    company.repo.git("mv", DEV[0], "moved/dev/secrets.yaml")
    company("alice", "updatekeys", "moved/dev/secrets.yaml").ok()
    company.repo.commit()
    seen = states(company, "nobody", "bob")
    assert seen["moved/dev/secrets.yaml", "db.user"] == "in use"
    assert seen["moved/dev/secrets.yaml", "db.password"] == "changed"
    assert not any(file == DEV[0] for file, _ in seen)
    assert not any(file in PROD for file, _ in seen)

    text = company("nobody", "exposure", "bob").ok().stdout
    assert re.search(r"^- \[ \] `db\.user`: in use, since \d{4}-\d\d-\d\d$", text, re.MULTILINE)
    assert re.search(r"^- \[x\] `db\.password`: changed", text, re.MULTILINE)
    assert "s3cret" not in text
    assert company("nobody", "exposure", "bbo").stderr.startswith("error: .ksecrets.yaml: bbo was never a recipient")


def test_a_value_that_changed_together_with_its_data_key(company: Company) -> None:
    """In one commit nobody can tell from outside; whoever can open both sides knows."""
    company("alice", "revoke", "bob", "dev", "--yes").ok()
    company("alice", "set", DEV[0], "db.password", input="new").ok()
    company.repo.commit()
    report = json.loads(company("nobody", "exposure", "bob", "--json").ok().stdout)
    assert report["guessed"] == 6
    assert states(company, "nobody", "bob")[DEV[0], "db.password"] == "in use"
    assert states(company, "alice", "bob")[DEV[0], "db.password"] == "changed"
    assert states(company, "alice", "bob")[DEV[0], "db.user"] == "in use"
    assert json.loads(company("alice", "exposure", "bob", "--json").ok().stdout)["guessed"] == 0


def test_a_file_with_a_new_key_and_a_new_place_in_one_commit(company: Company) -> None:
    """Every token is another, so git sees no rename; the values at the same paths still lead from one to the other."""
    company.repo.commit()
    os.makedirs(company.repo / "moved/dev")
    company.repo.git("mv", DEV[0], "moved/dev/secrets.yaml")
    company("alice", "revoke", "bob", "--yes").ok()
    company.repo.commit()
    assert states(company, "nobody", "bob")["moved/dev/secrets.yaml", "db.password"] == "in use"


def test_names_in_the_checklist_are_no_markup(company: Company) -> None:
    company.repo.write("shop/dev/secrets`x.yaml", "'a`b | <script>': s3cret\n")
    company("alice", "encrypt", "-i", "shop/dev/secrets`x.yaml").ok()
    company.repo.commit()
    text = company("nobody", "exposure", "bob").ok().stdout
    assert "## ``shop/dev/secrets`x.yaml``, which bob reads" in text
    assert '- [ ] `` ["a`b | <script>"] ``' in text or '``["a`b | <script>"]``' in text


def test_who_reads_what_and_since_when(company: Company) -> None:
    """From the files, against the configuration: an honest table, one with a stranger, and a page that shows both."""
    env = {"GIT_COMMITTER_DATE": "2026-01-02T00:00:00Z", "GIT_AUTHOR_DATE": "2026-01-02T00:00:00Z"}
    company.repo.git("commit", "--quiet", "--amend", "--message", "first", env=env)
    table = company("nobody", "access").ok().stdout.splitlines()
    assert table[0].split("  ")[0] == "reader"
    assert re.fullmatch(r"alice +person +all since 2026-01-02 +all since 2026-01-02 +all since 2026-01-02", table[1])
    assert re.fullmatch(r"test-ci +machine +- +all since 2026-01-02 +-", table[3])
    assert table[-1] == "every file says what the configuration says"

    company("carol", "request", "dev", "--name", "carol").ok()
    company("alice", "grant", "carol", "--yes").ok()
    company.repo.commit()
    company.repo.write(DEV[0], company.repo.git("show", f"HEAD~:{DEV[0]}"))  # carol's stanza is lost
    config = company.config.replace("platform: [alice, bob] ", "platform: [alice]      ")  # bob's files stay open
    company.repo.write(".ksecrets.yaml", config.replace("  bob:     {", "  # bob:     {"))
    found = json.loads(company("nobody", "access", "--json").ok().stdout)
    assert not found["agrees"]
    rows = {row["name"]: row for row in found["readers"]}
    carol = rows["carol"]["environments"]["dev"]
    assert (carol["reads"], carol["wanted"], carol["missing"], carol["extra"]) == (1, 2, 1, 0)
    assert carol["since"] > "2026-01-02"
    stranger = next(row for row in found["readers"] if row["kind"] == "unknown")
    assert stranger["key"] == person("bob").public
    assert stranger["environments"]["dev"]["extra"] == 2
    assert stranger["environments"]["dev"]["since"] == "2026-01-02"

    company("nobody", "access", "--html", "access.html").ok()
    page = company.text("access.html")
    for shown in ("1 of 2<", "1 missing<", "2 not configured<", person("bob").public):
        assert shown in page
    assert not re.search("<script|src=|href=|https?://|@import", page)
    assert "prefers-color-scheme: dark" in page
    assert "@media print" in page


def test_the_key_in_the_safe(company: Company, age: str) -> None:
    """A recovery key is shown once, under a passphrase; it opens every file, by itself, and sops opens them with it."""
    words = ("recovery", "add", "--passphrase-file", "-")
    refused = company("bob", *words, input="long and safe\n")
    assert (refused.code, refused.out) == (4, b"")  # bob cannot open prod: no key is made
    done = company(
        "alice", "recovery", "add", "--passphrase-file", "-", "--svg", "qr.svg", input="long and safe\n"
    ).ok()
    assert "recovery-1 reads every environment: 5 files re-wrapped" in done.stderr
    assert done.stdout.startswith("-----BEGIN AGE ENCRYPTED FILE-----\n")
    assert "AGE-SECRET-KEY" not in done.stdout + done.stderr + company.config
    assert "readers: [recovery-1]" in company.config
    assert "kind: recovery" in company.config
    svg = company.repo / "qr.svg"
    assert svg.read_text().startswith("<svg ")
    assert svg.stat().st_mode & 0o077 == 0
    safe = company.folder / "safe.age"
    safe.write_text(done.stdout)

    env = {**company.environ("nobody"), "KSECRETS_PASSPHRASE_CMD": "echo long and safe"}
    for name, input in ((str(safe), ""), ("-", done.stdout)):
        tried = company.cli("recovery", "test", name, input=input, env=env).ok()
        assert tried.stdout == "5 of 5 files open with this key alone\n"
    # alice's own key is at hand, and does not help.
    other = company.repo.write("dave.key", person("dave").secret + "\n")
    failed = company("alice", "recovery", "test", str(other))
    assert (failed.code, failed.stdout) == (4, "0 of 5 files open with this key alone\n")
    wrong = company.cli("recovery", "test", str(safe), env={**env, "KSECRETS_PASSPHRASE_CMD": "echo wrong"})
    assert wrong.code == 4

    from ksecrets.keys.age.locked import open_file
    from ksecrets.keys.prompt import Prompt

    opened = open_file(done.out, "safe", Prompt({"KSECRETS_PASSPHRASE_CMD": "echo long and safe"})).decode()
    environ = {**os.environ, **company.environ("nobody"), "SOPS_AGE_KEY": opened.split("\n")[2]}
    for path in FILES:
        read = subprocess.run([company.sops, "decrypt", path], env=environ, capture_output=True, text=True)
        assert read.returncode == 0, read.stderr
        assert f"s3cret-of-{path}" in read.stdout
    company("alice", "check").ok()


def test_ci_with_the_wrong_identity(company: Company) -> None:
    """A job of test is pointed at prod: it is told whose key it takes, sees no value, and sops is no way around."""
    for words in (("decrypt", PROD[0]), ("get", PROD[0], "db.password"), ("set", PROD[0], "db.password")):
        done = company("test-ci", *words, input="x")
        assert (done.code, done.out) == (4, b"")
        assert f"error: {PROD[0]}: no identity opens it" in done.stderr
        assert "readers: alice, prod-ci" in done.stderr
        assert "test-ci" in done.stderr  # what was tried
        assert "run this job with the identity of prod-ci" in done.stderr
    report = company("test-ci", "check").ok().stdout  # what it cannot open, it says
    assert "5 files, 1 verified, 4 not verified" in report
    company.reads("alice bob", "alice bob test-ci", "alice prod-ci")


def test_a_year_at_the_company(company: Company) -> None:
    """Five people, two machines, three environments: who comes, who goes, what is replaced; and all the while nobody
    reads more than they should, and nobody less."""
    for who, env in (("carol", "dev"), ("carol", "test"), ("dave", "dev"), ("erin", "prod")):
        company(who, "request", env, "--name", who).ok()
    company.repo.commit("three ask")
    company.reads("alice bob", "alice bob test-ci", "alice prod-ci")

    for who in ("carol", "dave", "erin"):
        company("alice", "grant", who, "--fingerprint", company_key(company, who)).ok()
        company("nobody", "check").ok()
        company.repo.commit(f"{who} is here")
    company.reads("alice bob carol dave", "alice bob carol test-ci", "alice erin prod-ci")
    table = company("nobody", "access").ok().stdout
    assert table.rstrip().endswith("every file says what the configuration says")

    # erin writes in prod what alice reads; carol, who reads dev and test, cannot.
    company("erin", "set", PROD[0], "db.user", input="shop2").ok()
    assert company("alice", "get", PROD[0], "db.user").stdout == "shop2"
    assert company("carol", "set", PROD[0], "db.user", input="x").code == 4
    company.repo.commit("erin's first value")

    company("alice", "revoke", "bob", "--yes").ok()
    company.repo.commit("bob leaves")
    company("nobody", "check").ok()
    company.reads("alice carol dave", "alice carol test-ci", "alice erin prod-ci")
    left = json.loads(company("nobody", "exposure", "bob", "--json").ok().stdout)["values"]
    assert {row["file"] for row in left} == {"env/dev/secrets.yaml", "shop/dev/secrets.yaml", "env/test/secrets.yaml"}

    company("alice", "revoke", "erin", "prod", "--yes").ok()
    company("alice", "grant", "dave", "prod", "--yes").ok()
    company.repo.commit("dave takes over from erin")
    company.reads("alice carol dave", "alice carol test-ci", "alice dave prod-ci")
    company("alice", "rotate").ok()
    company("nobody", "check").ok()
    company.reads("alice carol dave", "alice carol test-ci", "alice dave prod-ci")


def company_key(company: Company, who: str) -> str:
    """The fingerprint that somebody says on the telephone, of the request as it stands."""
    from ksecrets.operations.people.fingerprint import fingerprint
    from ksecrets.rules.config import parse

    return fingerprint(parse(company.config).pending[who].reader)
