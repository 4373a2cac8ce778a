"""What Helm and kustomize call.

`wrapper` is ``helm secrets COMMAND``: `settings` are its options and variables, `arguments` finds the values files and
`sets` the values in the command line, `sources` makes of every file what Helm gets, `handover` gives it to Helm.
`getter` is ``-f secrets://FILE``, `verbs` are encrypt, decrypt and edit, `evaluate` is the post-renderer. `install`
puts the plugins into Helm's folder. `kustomize` is the generator of kustomize.

`sources` goes by `address` (how a file is written), `confine` (where it may lie), `remote` (what is fetched), `imports`
(keys that an address brings), `reading` (decrypts) and `guard` (nothing encrypted goes on in silence).
"""
