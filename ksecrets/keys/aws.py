"""AWS KMS: a symmetric key that never leaves AWS; `Encrypt` wraps a data key, `Decrypt` unwraps it.

The protocol is KMS's own (JSON 1.1 over HTTPS, signed), spoken directly: an SDK costs more than the rest of a
`get`. What is stored is what sops stores (kms/keysource.go): the ARN of a key or an alias, the role to assume, the
encryption context, the profile, and the ciphertext in base64. The region is the ARN's.

    AWS_ENDPOINT_URL_KMS, AWS_ENDPOINT_URL     another server, as in AWS's SDKs
    AWS_USE_FIPS_ENDPOINT, AWS_USE_DUALSTACK_ENDPOINT
    credentials                                keys/awsauth.py
"""

from __future__ import annotations

import binascii

from ksecrets.envelope.recipient import context_mapping
from ksecrets.errors import ConfigError, ServiceFailed
from ksecrets.keys import awsauth
from ksecrets.keys.remote import RemoteKey

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from ksecrets.keys.remote import Access
    from ksecrets.keys.web import Reply

SERVICE = "kms"
_WORD = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")
_NAME = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_/")

# What KMS's errors are called -> our reason, and what they mean to a person (KMS API Reference, "Common Errors")
_CREDENTIALS = "AWS does not take the credentials"
_REASONS = {
    "AccessDeniedException": ("denied", "access denied"),
    "AccessDenied": ("denied", "access denied"),
    "NotFoundException": ("missing", "no such key in this region and account"),
    "InvalidArnException": ("missing", "no such key in this region and account"),
    "ValidationException": ("missing", "AWS does not take this for a key"),
    "DisabledException": ("disabled", "the key is disabled"),
    "KMSInvalidStateException": ("disabled", "the key cannot be used in its present state"),
    "InvalidKeyUsageException": ("disabled", "the key is not one for encryption"),
    "InvalidCiphertextException": ("refused", "not wrapped by this key with this encryption context, or damaged"),
    "IncorrectKeyException": ("refused", "wrapped by another key, or damaged"),
    "ExpiredTokenException": ("credentials", "the AWS credentials have expired"),
    "ExpiredToken": ("credentials", "the AWS credentials have expired"),
    "RequestExpired": ("credentials", "AWS takes the request for an old one: is the clock right?"),
    "UnrecognizedClientException": ("credentials", _CREDENTIALS),
    "InvalidClientTokenId": ("credentials", _CREDENTIALS),
    "InvalidSignatureException": ("credentials", _CREDENTIALS),
    "SignatureDoesNotMatch": ("credentials", _CREDENTIALS),
    "MissingAuthenticationTokenException": ("credentials", _CREDENTIALS),
    "MissingAuthenticationToken": ("credentials", _CREDENTIALS),
    "IncompleteSignature": ("credentials", _CREDENTIALS),
    "IncompleteSignatureException": ("credentials", _CREDENTIALS),
    "ThrottlingException": ("throttled", "AWS asks for fewer calls"),
    "Throttling": ("throttled", "AWS asks for fewer calls"),
    "LimitExceededException": ("throttled", "AWS asks for fewer calls"),
    "TooManyRequestsException": ("throttled", "AWS asks for fewer calls"),
    "DependencyTimeoutException": ("unavailable", "KMS cannot answer now"),
    "KeyUnavailableException": ("unavailable", "the key cannot be had now"),
    "KMSInternalException": ("unavailable", "KMS cannot answer now"),
    "InternalFailure": ("unavailable", "KMS cannot answer now"),
    "ServiceUnavailable": ("unavailable", "KMS cannot answer now"),
}
_HINTS = {
    "denied": "kms:Encrypt is needed for writing, kms:Decrypt for reading (docs/key-services.md)",
    "credentials": "log in again (`aws sso login`), or look at AWS_PROFILE and AWS_ACCESS_KEY_ID",
    "missing": "is the ARN right, its region too?",
}


class AwsKey(RemoteKey):
    """One key, by the ARN of itself or of an alias."""

    service = SERVICE
    title = "AWS KMS"
    kept = ("aws_profile",)

    def __init__(self, fields: Mapping[str, str], access: Access) -> None:
        """Raises ConfigError for what is no ARN of a KMS key, no ARN of a role, or no context."""
        super().__init__(fields, access)
        arn = self.fields.get("arn", "")
        self.region = _region(arn)
        self.role = self.fields.get("role", "")
        self.profile = self.fields.get("aws_profile", "")
        if self.role and not (self.role.startswith("arn:aws") and ":role/" in self.role and self.role.isprintable()):
            raise ConfigError(f"not the ARN of a role: {awsauth.printable(self.role)[:80]}")
        try:
            self.context = context_mapping(self.fields.get("context", ""))
        except ValueError:
            raise ConfigError("not an encryption context: a mapping of texts is expected") from None

    @property
    def name(self) -> str:
        return f"{self.title} {self.fields['arn']}" + (f" as {self.role}" if self.role else "")

    def encrypt(self, secret: bytes, deadline: float) -> str:
        plain = binascii.b2a_base64(secret, newline=False).decode("ascii")
        return self._call("Encrypt", {"Plaintext": plain}, "CiphertextBlob", deadline)[0]

    def decrypt(self, enc: str, deadline: float) -> bytes:
        try:
            binascii.a2b_base64(enc, strict_mode=True)
        except ValueError:
            raise ServiceFailed("the wrapped data key is damaged: it is not base64", reason="refused") from None
        return self._call("Decrypt", {"CiphertextBlob": enc}, "Plaintext", deadline)[1]

    def _call(self, action: str, question: Mapping[str, str], wanted: str, deadline: float) -> tuple[str, bytes]:
        """The field `wanted` of KMS's answer, as base64 and decoded."""
        import json

        who = awsauth.credentials(self.access, self.region, self.profile, self.role, deadline)
        asked: dict[str, object] = {"KeyId": self.fields["arn"], **question}
        if self.context:
            asked["EncryptionContext"] = self.context
        headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": f"TrentService.{action}"}
        reply = awsauth.post(self.access, "kms", self.region, headers, json.dumps(asked).encode(), who, deadline)
        if reply.status != 200:
            raise self._refused(reply)
        text = reply.json().get(wanted)
        try:
            decoded = binascii.a2b_base64(text, strict_mode=True) if isinstance(text, str) and text else b""
        except ValueError:
            decoded = b""
        if not decoded or not isinstance(text, str):
            raise ServiceFailed(f"its answer has no {wanted}", reason="answer")
        return text, decoded

    def _refused(self, reply: Reply) -> ServiceFailed:
        from ksecrets.keys.web import reason_of

        found = reply.error_json()
        kind = str(found.get("__type") or reply.headers.get("x-amzn-errortype") or "").split(":")[0].rpartition("#")[2]
        said = found.get("message") or found.get("Message")
        if not kind:
            # what stands before KMS (the check of signatures) may answer in XML
            kind, said = awsauth.error_of(reply.body)
        kind = awsauth.printable(kind) if kind else ""
        reason, meaning = _REASONS.get(kind) or (reason_of(reply.status), kind or f"HTTP {reply.status}")
        if reason == "credentials":
            awsauth.forget(self.access, self.region, self.profile, self.role)
        details = [f"{kind}: {awsauth.printable(said)}"] if said else []
        return ServiceFailed(meaning, reason=reason, hint=_HINTS.get(reason), details=details)


def key(fields: Mapping[str, str], access: Access) -> AwsKey:
    """The key of `fields["arn"]`. Raises ConfigError. Contacts nobody."""
    return AwsKey(fields, access)


def _region(arn: str) -> str:
    """The region of `arn:PARTITION:kms:REGION:ACCOUNT:key/ID` or `...:alias/NAME`; it becomes a part of a host name."""
    parts = arn.split(":")
    good = (
        len(parts) == 6
        and parts[0] == "arn"
        and (parts[1] == "aws" or parts[1].startswith("aws-"))
        and _WORD.issuperset(parts[1] + parts[3])
        and parts[2] == "kms"
        and bool(parts[3])
        and parts[4].isascii()
        and parts[4].isdigit()
        and parts[5].startswith(("key/", "alias/"))
        and _NAME.issuperset(parts[5])
    )
    if not good:
        raise ConfigError(
            f"not the ARN of a KMS key: {awsauth.printable(arn)[:100]}",
            hint="arn:aws:kms:REGION:ACCOUNT:key/ID or arn:aws:kms:REGION:ACCOUNT:alias/NAME",
        )
    return parts[3]
