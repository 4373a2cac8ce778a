"""The command line: `table` says what there is, `main` starts it, and the other modules print what operations return.

A word of the user goes `main` (a few complete command lines, without click) or `clickapp` (everything else), then the
function that the table names, then an operation of the public API. Data goes to standard output as bytes, everything
else to standard error (`streams`).
"""
