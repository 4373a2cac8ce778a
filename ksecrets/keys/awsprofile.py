"""A profile of ~/.aws that holds nothing but an access key, read without botocore (which takes 0.3 s to load).

Everything else that a profile can say (roles, SSO, programs, logins), and every file that is not plainly in order, is
left to botocore: whatever name is not known here to change nothing about who we are. The files are those of the AWS
command line: AWS_SHARED_CREDENTIALS_FILE or ~/.aws/credentials, `[NAME]`; AWS_CONFIG_FILE or ~/.aws/config,
`[profile NAME]`.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_KEY, _SECRET, _TOKENS = "aws_access_key_id", "aws_secret_access_key", ("aws_security_token", "aws_session_token")
# Settings that say nothing of who we are; the region is the ARN's.
_HARMLESS = frozenset(("region", "output", "cli_pager", "cli_history", "cli_auto_prompt", "cli_timestamp_format"))
_LARGEST = 1 << 20


def static(name: str, environ: Mapping[str, str]) -> tuple[str, str, str] | None:
    """Access key, secret key and token ("" for none) of a profile that has just these; None for every other."""
    try:
        credentials = _sections(environ.get("AWS_SHARED_CREDENTIALS_FILE") or "~/.aws/credentials")
        config = _sections(environ.get("AWS_CONFIG_FILE") or "~/.aws/config")
    except ValueError:
        return None
    # a name in quotes, one that stands there twice, or settings for all sections: botocore's to make sense of
    odd = "DEFAULT" in config or "DEFAULT" in credentials or {"default", "profile default"} <= set(config)
    if odd or any("'" in section or '"' in section for section in config):
        return None
    plain = name == "default" and name in config
    settings = config.get(name if plain else f"profile {name}", {})
    found = credentials.get(name, {})
    if set(settings) - _HARMLESS or set(found) - _HARMLESS - {_KEY, _SECRET, *_TOKENS}:
        return None
    key, secret = found.get(_KEY, ""), found.get(_SECRET, "")
    token = next((found[each] for each in _TOKENS if each in found), "")
    if not (key and secret) or not (key + secret + token).isascii():
        return None
    return key, secret, token


def _sections(path: str) -> dict[str, dict[str, str]]:
    """The sections of a file, none where it is not there. Raises ValueError where it is not in order."""
    import configparser

    # `[DEFAULT]` is a section as any other here, so that it can be seen
    parser = configparser.RawConfigParser(default_section="\0")
    try:
        with open(os.path.expanduser(os.path.expandvars(path)), encoding="utf-8") as file:
            text = file.read(_LARGEST + 1)
        if len(text) > _LARGEST:
            raise ValueError("too long")
        parser.read_string(text)
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, configparser.Error):
        raise ValueError("not in order") from None
    return {name: dict(parser.items(name)) for name in parser.sections()}
