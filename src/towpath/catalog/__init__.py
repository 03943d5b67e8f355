"""The one metadata database: definitions, events, table versions, intervals, runs."""
