"""age: the keys of people and machines, opened here without a network.

`native` has X25519 and ssh keys (through pyrage), `pq` post-quantum ones, `plugin` those of other programs; `sources`
is where private keys are found, `locked` what stands under a passphrase, `keygen` makes new ones; `agefile` and
`bech32` are the formats below. Nothing is imported here: an ordinary key loads only what it needs.
"""
