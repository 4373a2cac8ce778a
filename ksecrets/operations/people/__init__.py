"""Who reads what: asking for it, granting it, taking it away, and what that left behind. One use case a module.

`scope` is what they share: the configuration with the files of its environments. `rewrap` changes both, in that order.
"""
