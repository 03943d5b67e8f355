"""The verbs of the path, one module a noun: what pipelines run and the command line calls."""
