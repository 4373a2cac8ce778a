"""merge and resolve: three versions of an encrypted file become one.

`atoms` cuts a plaintext into entries, `threeway` merges entries, `plaintext` asks git first and `threeway` where git
gives up, `merge` does it for encrypted texts: opens three, decides on readers and data key, seals one. `versions`
finds the three for `resolve`.
"""
