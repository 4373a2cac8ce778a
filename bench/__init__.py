"""How fast and how large: ksecrets beside sops, in the same run on the same machine. `./dev bench` starts it.

inputs   made-up Helm values of a given size, the same ones every time
measure  one process: wall time, CPU time, peak memory; several command lines in turn
rows     what is measured, each a row of the table
helms    rows about Helm, beside helm-secrets where there is a checkout of it
trees    rows about repositories with many files
run      the command line, and docs/benchmarks.md
"""
