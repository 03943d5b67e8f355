"""Row expressions: SQL text of an allow-list that means the same on every engine."""
