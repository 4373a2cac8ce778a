"""Which file is read by whom, and which of its values are encrypted: the configuration, as it is written by people."""

FILE = ".ksecrets.yaml"
"""The name of the configuration, at the top of a repository."""

SOPS_FILE = ".sops.yaml"
"""The name of sops's configuration, which rules where there is no other."""
