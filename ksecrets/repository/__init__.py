"""All that ksecrets asks of git: blobs and refs, which data keys this clone trusts, the set-up of a clone.

A leaf: it runs git and knows nothing of keys or values. What git calls, in turn, is in `ksecrets.gitting`.
"""
