"""What a change does to the secrets of a repository, judged from git's objects by the configuration that was there
before it, and without any key.

    snapshot   a tree of git, and its files             \
    treerules  the rules that such a tree brings along   >  judge: all findings of BASE..HEAD
    configs, files, links: what changed in each         /
    sarif, markdown: the findings for machines and for reviewers

Nothing is read from the working tree: a file there could be a link that leads out, and a hook or a filter of a hostile
branch has no part in it.
"""
