"""What holds for all commands: exit codes and variables of the environment, for docs/cli.md."""

from __future__ import annotations

EXIT_CODES = (
    (0, "Done."),
    (1, "Failed; or `diff --exit-code` found differences."),
    (2, "The command line makes no sense."),
    (3, "A bug in ksecrets."),
    (4, "No identity at hand opens the file, and no key service lets us in."),
    (5, "Tampered: a token, the MAC or the seal does not hold. Nothing was printed or written."),
    (6, "`check` or `scan` found something."),
    (130, "Interrupted (Ctrl-C)."),
    (141, "Nobody reads the output any more (a closed pipe)."),
)

ENVIRONMENT = (
    ("KSECRETS_AGE_KEY, SOPS_AGE_KEY", "Age identities themselves."),
    ("KSECRETS_AGE_KEY_FILE, SOPS_AGE_KEY_FILE", "A file of age identities."),
    ("KSECRETS_AGE_KEY_CMD, SOPS_AGE_KEY_CMD", "A command that prints age identities."),
    ("KSECRETS_AGE_SSH_PRIVATE_KEY_FILE, SOPS_AGE_SSH_PRIVATE_KEY_FILE", "An ssh private key."),
    ("KSECRETS_AGE_SSH_PRIVATE_KEY_CMD, SOPS_AGE_SSH_PRIVATE_KEY_CMD", "A command that prints an ssh private key."),
    ("KSECRETS_KEYRING", "1: look for identities in the keyring of the system; 0: never."),
    ("KSECRETS_PASSPHRASE_CMD", "A command that prints the passphrase of the key that KSECRETS_PASSPHRASE_FOR names."),
    ("KSECRETS_PROMPT", "never: ask nobody, even where there is a terminal."),
    ("KSECRETS_AGE_PLUGINS", "The age plugins that may be started to write for a recipient (`yubikey,se`)."),
    ("SOPS_GPG_EXEC", "The gpg for PGP keys."),
    ("KSECRETS_PKCS11_MODULE, KSECRETS_PKCS11_PIN", "The library of a PKCS#11 token (an absolute path), and its PIN."),
    ("FORTANIX_API_KEY", "The API key of an app of Fortanix DSM."),
    ("KSECRETS_TRUSTED_KEYS", "Keys in services that may be asked, whatever repository names them (with spaces)."),
    ("KSECRETS_REMOTE_KEYS", "1: key services may be asked under git's drivers, too; 0: never."),
    ("KSECRETS_KEY_TIMEOUT", "How many seconds one key of a service may take in all; 20 by default."),
    ("KSECRETS_HIDE", "Further variables that no program gets that ksecrets starts (with spaces; `AWS_*`)."),
    ("SOPS_GCP_KMS_ENDPOINT", "Another address of Google Cloud KMS; SOPS_GCP_KMS_UNIVERSE_DOMAIN: another cloud."),
    ("SOPS_AGE_RECIPIENTS, SOPS_PGP_FP", "Readers of new files that no rule is about, as `--age` and `--pgp`."),
    ("SOPS_KMS_ARN, SOPS_GCP_KMS_IDS", "The same, as `--kms` and `--gcp-kms`."),
    ("SOPS_AZURE_KEYVAULT_URLS, SOPS_VAULT_URIS", "The same, as `--azure-kv` and `--hc-vault-transit`."),
    ("SOPS_HUAWEICLOUD_KMS_IDS", "The same, as `--hckms`."),
    (
        "KSECRETS_REFERENCES",
        "Under Helm: the services of `ref+...` that may be asked, with commas; see from-helm-secrets.",
    ),
    (
        "KSECRETS_ARGOCD_CHECKOUTS",
        "In Argo CD's repo-server: the folder of its checkouts, whose files may be named by absolute paths.",
    ),
    ("KSECRETS_REQUIRE_SEAL", "1: as `--require-seal`, for every command."),
    ("SOPS_EDITOR, KSECRETS_EDITOR, VISUAL, EDITOR", "The editor of `edit`; the first that is set."),
    ("SOPS_HC_VAULT_ALLOWLIST", "The only Vault addresses that may be contacted, with commas; `all` or `none`."),
    ("SOPS_CONFIG", "A .sops.yaml that holds for files that no .ksecrets.yaml rules, instead of the nearest one."),
    ("NO_COLOR", "Set to anything: no colours."),
    ("KSECRETS_TRACEBACK", "1: show the traceback of a bug (without values)."),
)
