"""Whether this process is the command line in a hurry.

git and Helm start ksecrets for one small file at a time. The first stage of the command line then sets `ON` before
anything else is imported, and the modules that bind other libraries take their quicker ways. Inside other programs,
ksecrets is a plain user of its libraries.
"""

ON = False
