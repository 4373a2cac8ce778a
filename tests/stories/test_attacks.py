"""The attacks of security.md rules 1, 3, 4, 5 and 8, as somebody with a branch would try them, and how they end.

Everything is a process: the attacker has git, sops and all public keys; the honest have ksecrets. Where an attack is
stopped, nothing was written; where a write goes on, what it wrote is for the right readers only: sops says so. Where it
can only be reported, `check` is red, in the working tree or between the two branches.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.company import DEV, FILES, PROD, Company
from tests.conftest import Cli, Repo, Result
from tests.team import person, unsealed
from tests.unit.operations.test_known import RAW, planted, raw_key

BEFORE = ("alice bob", "alice bob test-ci", "alice prod-ci")


@pytest.fixture
def company(repo: Repo, cli: Cli, sops: str, tmp_path: Path) -> Company:
    """With a remote, whose main is what all agreed on; the attacker's work is on the branch `evil`, checked out."""
    company = Company(repo, cli, sops, tmp_path)
    repo.git("init", "--quiet", "--bare", str(tmp_path / "origin.git"))
    repo.git("remote", "add", "origin", str(tmp_path / "origin.git"))
    repo.git("push", "--quiet", "origin", "HEAD:main")
    repo.git("fetch", "--quiet", "origin")
    repo.git("checkout", "--quiet", "-b", "evil")
    record = repo / ".git/ksecrets/trusted-kids"
    record.unlink(missing_ok=True)  # the honest work in clones of their own
    return company


def found(company: Company, *, who: str = "nobody") -> dict[str, list[str]]:
    """What `check origin/main..HEAD` calls an error, without any key: code -> files. The attack is committed first."""
    company.repo.commit("looks harmless")
    done = company(who, "check", "origin/main..HEAD", "--json")
    report = json.loads(done.stdout)
    errors: dict[str, list[str]] = {}
    for finding in report["findings"]:
        if finding["severity"] == "error":
            errors.setdefault(finding["code"], []).append(finding["file"])
    assert done.code == (6 if errors else 0)
    assert "s3cret" not in done.stdout
    return errors


def refused(company: Company, done: Result, *codes: int) -> str:
    """The command changed nothing and said why."""
    assert done.code in (codes or (1,)), done
    assert "s3cret" not in done.stdout + done.stderr
    return done.stderr


def attacker_opens(raw: bytes, path: str) -> bool:
    """Whether a data key opens the values of a file: what the attacker tries."""
    from ksecrets.errors import Tampered
    from ksecrets.files.open import open_text
    from ksecrets.values.cipher import DataKey

    try:
        open_text(Path(path).read_text(), data_key_for=lambda _: DataKey(raw))
    except Tampered:
        return False
    return True


# -- rule 1: planted data keys -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("write", ["set", "edit", "updatekeys"])
def test_rule_1_a_data_key_that_the_attacker_knows(write: str, company: Company) -> None:
    """A whole new file for the honest readers, under a data key of his: the next secret must not go under it."""
    company.repo.write(PROD[0], planted(PROD[0], "prod", "alice", "prod-ci"))
    assert attacker_opens(RAW, PROD[0])
    assert found(company)["replaced-data-key"] == [PROD[0]]
    words = {"set": ["set", PROD[0], "db.password"], "edit": ["edit", PROD[0]], "updatekeys": ["updatekeys", PROD[0]]}
    editor = {"EDITOR": "sh -c 'echo new: s3cret-of-" + PROD[0] + ' >> "$1"\' -'}
    done = company.cli(*words[write], input=f"s3cret-of-{PROD[0]}", env={**company.environ("alice"), **editor})
    assert done.code == 0, done
    assert "new data key" in done.stderr
    assert not attacker_opens(RAW, PROD[0])
    if write != "updatekeys":
        company.reads(*BEFORE)


def test_rule_1_a_data_key_of_dev_in_prod(company: Company) -> None:
    """bob reads dev, knows its data keys, and wraps one of them for the readers of prod."""
    raw = raw_key(DEV[0], "bob")
    company.repo.write(PROD[0], planted(PROD[0], "prod", "alice", "prod-ci", raw=raw))
    errors = found(company)
    assert PROD[0] in errors["replaced-data-key"]
    assert set(errors["same-data-key"]) <= {PROD[0], DEV[0]}
    company("alice", "set", PROD[0], "db.password", input=f"s3cret-of-{PROD[0]}").ok()
    assert not attacker_opens(raw, PROD[0])
    company.reads(*BEFORE)


def test_rule_1_a_former_reader_plants_the_old_key(company: Company) -> None:
    """bob is out, and every file has a new data key; he still knows the old ones, and brings one back."""
    raw = raw_key(DEV[0], "bob")
    company("alice", "revoke", "bob", "--yes").ok()
    company.repo.commit()
    company.repo.git("push", "--quiet", "origin", "HEAD:main")
    company.repo.git("fetch", "--quiet", "origin")
    company.repo.write(DEV[0], planted(DEV[0], "dev", "alice", raw=raw))
    assert found(company)["replaced-data-key"] == [DEV[0]]
    company("alice", "set", DEV[0], "db.password", input=f"s3cret-of-{DEV[0]}").ok()
    assert not attacker_opens(raw, DEV[0])
    company.reads("alice", "alice test-ci", "alice prod-ci")


def test_rule_1_a_reader_who_was_only_cut_out_of_the_metadata(company: Company) -> None:
    """To take a stanza out is no revocation: the reader still has the data key."""
    raw = raw_key(DEV[0], "bob")
    config = company.config.replace("platform: [alice, bob]", "platform: [alice]").replace("  bob:     {", "  # bob: {")
    company.repo.write(".ksecrets.yaml", config)
    text = company.text(DEV[0])
    at = text.index("        - enc: |", text.index("        - enc: |") + 1)
    stanza = text[at : text.index("    ksecrets:")]
    assert person("bob").public in stanza
    company.repo.write(DEV[0], text.replace(stanza, ""))
    refused(company, company("alice", "set", DEV[0], "db.password", input="x"), 5)  # the seal covers the readers
    assert "tampered" in company("alice", "check").stdout
    company.repo.git("checkout", "--quiet", DEV[0])
    company("alice", "updatekeys").ok()
    assert not attacker_opens(raw, DEV[0])
    company.reads("alice", "alice test-ci", "alice prod-ci")


# -- rule 3: the configuration is the trust root -----------------------------------------------------------------------


def test_rule_3_a_branch_lets_its_author_read(company: Company) -> None:
    """Judged by main's configuration, not by the one that the branch brings; and no write follows it quietly."""
    dave = person("dave").public
    company.repo.write(
        ".ksecrets.yaml",
        company.config.replace("groups:", f"  dave: {{age: {dave}}}\ngroups:").replace(
            "[alice, prod-ci]", "[alice, prod-ci, dave]"
        ),
    )
    assert found(company)["reader-added"]
    done = company("alice", "set", PROD[0], "db.password", input="x")
    assert "its readers are not those of" in refused(company, done)
    company.reads(*BEFORE)


def test_rule_3_a_key_is_swapped_under_an_honest_name(company: Company) -> None:
    """By key, not by name: `prod-ci` is still `prod-ci`, and is somebody else."""
    swapped = company.config.replace(person("prod-ci").public, person("dave").public)
    company.repo.write(".ksecrets.yaml", swapped)
    assert ".ksecrets.yaml" in found(company)["reader-added"]
    refused(company, company("alice", "set", PROD[0], "db.password", input="x"))
    company.reads(*BEFORE)


def test_rule_3_a_configuration_in_a_folder(company: Company) -> None:
    company.repo.write("env/prod/.ksecrets.yaml", company.config.replace("[alice, prod-ci]", "[bob]"))
    assert found(company)["config-nested"] == ["env/prod/.ksecrets.yaml"]
    for words in (("decrypt", PROD[0]), ("set", PROD[0], "db.password"), ("updatekeys", PROD[0])):
        assert "only the .ksecrets.yaml at the top of the repository counts" in refused(
            company, company("alice", *words, input="x")
        )


@pytest.mark.parametrize("instead", [False, True])
def test_rule_3_the_configuration_vanishes(instead: bool, company: Company) -> None:
    """Also where a `.sops.yaml`, which knows no seal, would take its place."""
    (company.repo / ".ksecrets.yaml").unlink()
    if instead:
        company.repo.write(".sops.yaml", f"creation_rules:\n  - age: {person('dave').public}\n")
    for words in (("decrypt", PROD[0]), ("set", PROD[0], "db.password"), ("encrypt", "-i", PROD[0])):
        assert ".ksecrets.yaml is missing here" in refused(company, company("alice", *words, input="x"))
    assert "config-vanished" in found(company)


def test_rule_3_two_environments_claim_a_file(company: Company) -> None:
    company.repo.write(".ksecrets.yaml", company.config.replace('"*/dev/secrets*', '"*/*/secrets*'))
    said = refused(company, company("alice", "set", PROD[0], "db.password", input="x"))
    assert f"{PROD[0]} is in two environments, dev and prod" in said
    assert company("alice", "check").code == 6


def test_rule_3_a_link_from_dev_into_prod(company: Company) -> None:
    """Whoever writes to a file of dev must not write to prod's, nor read it under dev's rules."""
    link = company.repo / "env/dev/secrets-more.yaml"
    link.symlink_to("../prod/secrets.yaml")
    for words in (("decrypt",), ("set",), ("updatekeys",)):
        more = ["db.password"] if words == ("set",) else []
        done = company("alice", *words, "env/dev/secrets-more.yaml", *more, input="x")
        assert "a symlink from dev to prod" in refused(company, done)
    assert "symlink" in found(company)


# -- rule 4: every write verifies first --------------------------------------------------------------------------------


def moved_value(text: str) -> str:
    """sops's MAC does not see it: the port of one mapping stands in another one now."""
    lines = text.splitlines(keepends=True)
    port = next(line for line in lines if line.startswith("port: "))
    lines.remove(port)
    return "".join(lines).replace("# of the app\n", "# of the app\n  added: null\n").replace("port:", port + "port:")


WRITES: dict[str, Callable[[str], list[str]]] = {
    "set": lambda path: ["set", path, "db.password"],
    "unset": lambda path: ["unset", path, "db.user"],
    "edit": lambda path: ["edit", path],
    "updatekeys": lambda path: ["updatekeys", path],
    "rotate": lambda path: ["rotate", path],
    "encrypt": lambda path: ["encrypt", "-i", path],
    "decrypt": lambda path: ["decrypt", "-i", path],
}


@pytest.mark.parametrize("write", WRITES)
def test_rule_4_no_write_launders_a_tampering(write: str, company: Company) -> None:
    """A null is added, which sops's MAC does not see; whatever is written next must not seal it."""
    changed = company.text(DEV[0]).replace("  user: ENC", "  admin: null\n  user: ENC")
    company.repo.write(DEV[0], changed)
    config = company.config
    company.repo.write(".ksecrets.yaml", config.replace("platform: [alice, bob]", "platform: [bob, alice]"))
    done = company.cli(*WRITES[write](DEV[0]), input="x", env={**company.environ("alice"), "EDITOR": "true"})
    if write in ("updatekeys", "encrypt") and done.code == 0:
        assert company.text(DEV[0]) == changed  # there was nothing to do, so nothing was read or written
    else:
        assert "tampered" in refused(company, done, 5) or "seal" in done.stderr
        assert company.text(DEV[0]) == changed
    assert company("alice", "check", DEV[0]).code == 6


@pytest.mark.parametrize("write", ["set", "updatekeys", "edit", "rotate"])
def test_rule_4_a_seal_that_was_taken_off_is_not_made_again_by_the_way(write: str, company: Company) -> None:
    """Without its block the file is at sops's level; what was added meanwhile is shown before anybody seals it."""
    changed = unsealed(company.text(DEV[0])).replace("  user: ENC", "  admin: null\n  user: ENC")
    company.repo.write(DEV[0], changed)
    done = company.cli(*WRITES[write](DEV[0]), input="x", env={**company.environ("alice"), "EDITOR": "true"})
    assert "its seal was removed; nothing was written" in refused(company, done)
    assert company.text(DEV[0]) == changed
    shown = company("alice", "seal", DEV[0])
    assert "db.admin" in shown.stderr
    assert company.text(DEV[0]) == changed  # nobody was there to say yes


# -- rule 5: metadata steers no write ----------------------------------------------------------------------------------


def test_rule_5_a_selector_in_the_file_leaves_the_next_secret_readable(company: Company) -> None:
    """`unencrypted_regex: ^new_` in the metadata: sops would write the next value in plaintext."""
    hostile = "    unencrypted_regex: ^new_\n"
    changed = company.text(DEV[0]).replace("    unencrypted_suffix: _unencrypted\n", hostile)
    assert hostile in changed
    company.repo.write(DEV[0], changed)
    assert found(company)["selector"] == [DEV[0]]
    refused(company, company("alice", "set", DEV[0], "new_password", input="s3cret"), 5)  # the seal covers the selector
    company.repo.write(DEV[0], unsealed(changed))
    refused(company, company("alice", "set", DEV[0], "new_password", input="s3cret"))
    assert "s3cret" not in company.text(DEV[0])


def test_rule_5_of_an_unsealed_file_the_rules_choose_the_selector(company: Company) -> None:
    """A file that only sops ever wrote, with a selector of its author's: what is set is encrypted as the rules say."""
    path = "new/dev/secrets.yaml"
    company.repo.write(path, "a: s3cret\nnew_a: readable\n")
    both = f"{person('alice').public},{person('bob').public}"
    subprocess.run(
        [company.sops, "encrypt", "-i", "--age", both, "--unencrypted-regex", "^new_", path],
        check=True,
        env={**os.environ, **company.environ("alice")},
    )
    company("alice", "set", path, "new_password", input="s3cret").ok()
    assert "s3cret" not in company.text(path)
    assert "unencrypted_regex" not in company.text(path)


def test_rule_5_a_lower_threshold_in_the_file(company: Company) -> None:
    """Three shares in place of two: not by a number in the metadata, whatever is written next."""
    config = company.config.replace("readers: [alice, prod-ci]", "shares: {need: 2, of: [[alice], [bob], [prod-ci]]}")
    company.repo.write(".ksecrets.yaml", config)
    environ = {**company.environ("alice"), "SOPS_AGE_KEY": f"{person('alice').secret}\n{person('prod-ci').secret}"}
    company.cli("updatekeys", *PROD, env=environ).ok()
    company.repo.commit()
    company.repo.git("push", "--quiet", "origin", "HEAD:main")
    company.repo.git("fetch", "--quiet", "origin")
    weaker = company.text(PROD[0]).replace("shamir_threshold: 2", "shamir_threshold: 1")
    assert weaker != company.text(PROD[0])
    company.repo.write(PROD[0], weaker)
    assert PROD[0] in found(company)["threshold"]
    for words in (("set", PROD[0], "db.password"), ("rotate", PROD[0])):
        done = company.cli(*words, input="x", env=environ)
        assert done.code != 0
        assert company.text(PROD[0]) == weaker


# -- rule 8: downgrade and replay --------------------------------------------------------------------------------------


def test_rule_8_the_seal_is_stripped_where_one_is_required(company: Company) -> None:
    """What sops would read all the same; here nobody reads it: no command, no git driver, no Helm."""
    company.repo.write(PROD[0], unsealed(company.text(PROD[0])))
    for words in (("decrypt", PROD[0]), ("get", PROD[0], "db.password"), ("set", PROD[0], "db.password")):
        assert "seal" in refused(company, company("prod-ci", *words, input="x"), 1, 5)
    shown = company("prod-ci", "helm", "getter", "", "", "", f"secrets://{PROD[0]}")
    assert "seal" in refused(company, shown, 5)
    assert {"seal-lost", "seal-missing"} & found(company).keys()
    assert company("nobody", "check").code == 6


def test_rule_8_the_seal_is_stripped_where_none_is_required(company: Company) -> None:
    """It is read, as sops reads it; but `check` is red by git alone, and --require-seal refuses it."""
    company.repo.write(DEV[0], unsealed(company.text(DEV[0])))
    company("alice", "decrypt", DEV[0]).ok()
    refused(company, company("alice", "decrypt", "--require-seal", DEV[0]), 5)
    done = company.cli("decrypt", DEV[0], env={**company.environ("alice"), "KSECRETS_REQUIRE_SEAL": "1"})
    refused(company, done, 5)
    assert "seal-missing" in company("nobody", "check").stdout
    assert found(company)["seal-lost"] == [DEV[0]]


def test_rule_8_an_old_version_comes_back(company: Company) -> None:
    """Valid in every part, under the right key: the password of before its rotation."""
    old = company.text(DEV[0])
    company("alice", "set", DEV[0], "db.password", input="s3cret, the new one").ok()
    text = company.text(DEV[0])
    stamp = next(line for line in old.splitlines() if "lastmodified" in line)
    older = stamp.replace('"20', '"19')
    company.repo.commit()
    company.repo.git("push", "--quiet", "origin", "HEAD:main")
    company.repo.git("fetch", "--quiet", "origin")
    # Two writes of one second: the older one of a day before, made by alice herself then.
    company.repo.write(DEV[0], old.replace(stamp, older))
    assert {"replay", "tampered"} & found(company, who="alice").keys()
    company.repo.write(DEV[0], text)
    assert found(company) == {}


def test_rule_8_a_file_of_dev_in_the_place_of_prod(company: Company) -> None:
    """Every reader of dev would know the passwords of prod from then on."""
    config = company.config.replace("readers: [platform]  ", "readers: [alice, prod-ci]  ")
    assert config != company.config
    company.repo.write(".ksecrets.yaml", config)  # as if both had the same readers: only the seal tells
    company("alice", "updatekeys").ok()
    company.repo.write(PROD[0], company.text(DEV[0]))
    for words in (("decrypt", PROD[0]), ("set", PROD[0], "db.password"), ("updatekeys", PROD[0])):
        done = company("prod-ci", *words, input="x")
        assert "sealed for environment dev, and the rules give it prod" in refused(company, done, 5)
    done = company("prod-ci", "helm", "getter", "", "", "", f"secrets://{PROD[0]}")
    assert "sealed for environment dev" in refused(company, done, 5)
    assert "environment" in found(company)


def test_rule_8_a_copy_gets_a_data_key_of_its_own(company: Company) -> None:
    """Two files under one data key: values could be moved from one to the other."""
    company.repo.write(DEV[1], company.text(DEV[0]))
    assert {"path", "same-data-key"} <= found(company).keys()
    report = company("nobody", "check").stdout
    assert f"{DEV[1]}: error: was sealed as {DEV[0]}: it was moved or copied [path]" in report
    assert "same-data-key" in report
    done = company("alice", "set", DEV[1], "db.password", input=f"s3cret-of-{DEV[1]}").ok()
    assert "new data key" in done.stderr
    company("nobody", "check").ok()
    company.reads(*BEFORE)


def test_rule_8_plaintext_is_no_way_around(company: Company) -> None:
    """A file that must be encrypted and is not: Helm does not take it, as nobody vouched for what is in it."""
    company.repo.write(PROD[0], "db:\n  password: chosen by the attacker\n")
    done = company("prod-ci", "helm", "getter", "", "", "", f"secrets://{PROD[0]}")
    assert "is plaintext, and prod wants it encrypted" in refused(company, done)
    refused(company, company("prod-ci", "decrypt", PROD[0]))
    assert found(company)["plaintext"] == [PROD[0]]


def test_nothing_of_this_is_said_of_honest_work(company: Company) -> None:
    """The same steps by those who may: joining, a new value, a rotation. `check` names what somebody should look at,
    as warnings or as what was asked for; the files are what they should be."""
    company("alice", "set", DEV[0], "db.password", input=f"s3cret-of-{DEV[0]}").ok()
    company("alice", "set", PROD[1], "db.user", input="shop2").ok()
    company("nobody", "check").ok()
    assert found(company) == {}
    company("alice", "rotate", *FILES).ok()
    company("nobody", "check").ok()
    company.reads(*BEFORE)
    assert found(company, who="alice") == {}  # with a key at hand, the proof of succession holds
