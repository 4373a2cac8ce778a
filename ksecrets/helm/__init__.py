"""What Helm calls.

`wrapper` is ``helm secrets COMMAND``: `arguments` finds the values files in the command line, `reading` decrypts them,
`handover` gives them to Helm. `getter` is ``-f secrets://FILE``. `install` puts both into Helm's plugin folder.
"""
