"""References: ``ref+SERVICE://PATH?PARAMETERS#/KEY`` in a value, and the secret that it stands for.

A step of its own between the operations and what Helm calls: `expression` finds references in a text, `trust` says
which of them may be followed, `resolve` puts values in their place, and every service is one function of `local`,
`cluster`, `vault` or `program`. The syntax is that of vals (helmfile/vals), so that its files work as they are.
"""
