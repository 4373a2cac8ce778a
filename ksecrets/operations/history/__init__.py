"""History without keys: which value of which file changed when, from git and the tokens alone.

versions -> one version of a file as values; steps -> what leads from one version to the next; walk -> both, for each
commit; log, blame, scan: the questions. drift compares two files of today in the same way. report gathers all of it,
and page (with chart and pagestyle) is the HTML of that.
"""
