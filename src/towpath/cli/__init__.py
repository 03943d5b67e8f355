"""The command line: nouns first, one module a noun; late imports keep its start fast."""
