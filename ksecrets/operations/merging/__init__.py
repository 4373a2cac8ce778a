"""merge, resolve and sync: three versions of an encrypted file become one.

`atoms` cuts a plaintext into entries (`lines` those of dotenv and INI), `threeway` merges entries, `plaintext` asks
git first and `threeway` where git gives up, `merge` does it for encrypted texts: opens three, decides on readers and
data key, seals one. `keyless` merges tokens for those who have no key. `versions` finds the three for `resolve`;
`sync` does it for a whole branch.
"""
