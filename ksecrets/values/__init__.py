"""Step 2 of the data flow: a scalar's bytes <-> the token that stands in its place, and what holds them together.

`token` is the spelling, `cipher` the encryption of one value, `residue` the original source where a value alone does
not give it back, `mac` sops's checksum over all values, `seal` ours over the whole meaning of the file.
"""
