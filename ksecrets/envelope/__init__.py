"""Step 3 of the data flow: the data key, wrapped for everybody who may read the file.

`recipient` has the interfaces, `metadata` the mapping that stands in the file, `emit` its text,
`wrap` does the work. Key services themselves are in `ksecrets.keys`.
"""
