"""updatekeys and rotate over whole trees.

`selection` says which files, `outlook` what would become of one (no key needed), `run` does the work, file by file and
in several processes (`workers`), and `result` is what comes out.
"""
