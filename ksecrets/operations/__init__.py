"""One use case a file. Each is small: it asks the rules, takes a file through the pipe of `files`, and writes it back.

`session` is what they share, `reading` and `writing` are the two gates that everything goes through.
"""
