"""The catalog's tables, as numbered steps for each kind of database.

A step that was released never changes. The same number leaves the same tables and columns in
every kind of database.
"""
