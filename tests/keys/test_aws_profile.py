"""Profiles of ~/.aws: those that are read without botocore, held against botocore, and those that are left to it."""

from __future__ import annotations

import sys
from pathlib import Path

import botocore.session
import pytest

from ksecrets.errors import ServiceFailed
from ksecrets.keys import awsprofile
from ksecrets.keys.aws import AwsKey
from ksecrets.keys.remote import Access
from tests.keys.contract import KEY
from tests.keys.faulty import faulty
from tests.services import Aws

SAFE = "aws_access_key_id = AKIAONE\naws_secret_access_key = s3cret=with:signs # and more\n"
PROFILES: dict[str, tuple[str, str, str]] = {
    # what: (profile, credentials, config)
    "static": ("p", f"[p]\n{SAFE}", ""),
    "with a token": ("p", f"[p]\n{SAFE}aws_session_token=t/o+k==\n", "[profile p]\nregion = eu-west-1\noutput=json\n"),
    "an old name of the token": ("p", f"[p]\n{SAFE}aws_security_token = old\naws_session_token = new\n", ""),
    "the default": ("default", f"[default]\n{SAFE}\n[p]\naws_access_key_id=x\n", "[default]\nregion = x\n"),
    "the default by its long name": ("default", f"[default]\n{SAFE}", "[profile default]\nregion = x\n"),
    "with comments": ("p", f"# a\n; b\n[p]\n{SAFE}# c\n", "# d\n"),
    "windows": ("p", f"[p]\n{SAFE}".replace("\n", "\r\n"), "[profile p]\r\nregion=x\r\n"),
    "spaces": ("a b", f"[a b]\n{SAFE}", ""),
}
LEFT: dict[str, tuple[str, str, str]] = {
    "a role": ("p", f"[p]\n{SAFE}", "[profile p]\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = p\n"),
    "a program": ("p", "", "[profile p]\ncredential_process = echo\n"),
    "sso": ("p", f"[p]\n{SAFE}", "[profile p]\nsso_session = s\n[sso-session s]\nsso_region = x\n"),
    "a web identity": ("p", f"[p]\n{SAFE}web_identity_token_file = /x\n", ""),
    "keys in the config": ("p", "", f"[profile p]\n{SAFE}"),
    "half a key": ("p", "[p]\naws_access_key_id = x\n", ""),
    "a name in quotes": ("p", f"[p]\n{SAFE}", '[profile "p"]\nrole_arn = x\n'),
    "settings for all": ("p", f"[p]\n{SAFE}", "[DEFAULT]\ncredential_process = echo\n"),
    "two defaults": ("default", f"[default]\n{SAFE}", "[default]\nregion = x\n[profile default]\nrole_arn = x\n"),
    "twice": ("p", f"[p]\n{SAFE}[p]\n{SAFE}", ""),
    "not there": ("q", f"[p]\n{SAFE}", ""),
    "not in order": ("p", f"[p]\n{SAFE}", "[profile p\n"),
    "what comes some day": ("p", f"[p]\n{SAFE}", "[profile p]\nlogin_by_magic = yes\n"),
}


def profile_files(folder: Path, credentials: str, config: str) -> dict[str, str]:
    (folder / "credentials").write_bytes(credentials.encode())
    (folder / "config").write_bytes(config.encode())
    return {"AWS_SHARED_CREDENTIALS_FILE": str(folder / "credentials"), "AWS_CONFIG_FILE": str(folder / "config")}


@pytest.mark.parametrize("what", PROFILES)
def test_a_static_profile_is_read_as_botocore_reads_it(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    profile, credentials, config = PROFILES[what]
    files = profile_files(tmp_path, credentials, config)
    for name, value in files.items():
        monkeypatch.setenv(name, value)
    expected = botocore.session.Session(profile=profile).get_credentials().get_frozen_credentials()
    found = awsprofile.static(profile, files)
    assert found == (expected.access_key, expected.secret_key, expected.token or "")


@pytest.mark.parametrize("what", LEFT)
def test_every_other_profile_is_left_to_botocore(what: str, tmp_path: Path) -> None:
    profile, credentials, config = LEFT[what]
    assert awsprofile.static(profile, profile_files(tmp_path, credentials, config)) is None


def test_a_static_profile_needs_no_extra(aws: Aws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "botocore"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "botocore", None)
    files = profile_files(tmp_path, *PROFILES["with a token"][1:])
    arn = aws.new_key()
    with faulty(aws.url) as proxy:
        environ = {**files, "AWS_ENDPOINT_URL": proxy.url}
        for more, fields in (({"AWS_PROFILE": "p"}, {}), ({}, {"aws_profile": "p"})):
            AwsKey({"arn": arn, **fields}, Access({**environ, **more})).wrap(KEY)
            assert "Credential=AKIAONE/" in proxy.seen[-1].headers["authorization"]
            assert proxy.seen[-1].headers["x-amz-security-token"] == "t/o+k=="
        # what goes before AWS_PROFILE in botocore's order, or is not known to, is not passed over
        for more in ({"AWS_WEB_IDENTITY_TOKEN_FILE": "/x", "AWS_ROLE_ARN": "x"}, {"AWS_DEFAULT_PROFILE": "q"}):
            with pytest.raises(ServiceFailed) as caught:
                AwsKey({"arn": arn}, Access({**environ, "AWS_PROFILE": "p", **more})).wrap(KEY)
            assert caught.value.reason == "extra"
