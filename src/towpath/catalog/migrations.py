"""The catalog's tables, as numbered steps: a step that was released never changes."""

from __future__ import annotations

FIRST = (
    """
    CREATE TABLE definitions (
        id INTEGER PRIMARY KEY,
        kind TEXT NOT NULL,
        name TEXT NOT NULL,
        version TEXT NOT NULL,
        body TEXT NOT NULL,
        applied_at INTEGER NOT NULL,
        actor TEXT NOT NULL,
        active INTEGER NOT NULL DEFAULT 1
    )
    """,
    "CREATE UNIQUE INDEX definitions_active ON definitions (kind, name) WHERE active = 1",
    "CREATE INDEX definitions_history ON definitions (kind, name, id)",
    """
    CREATE TABLE events (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        at INTEGER NOT NULL,
        actor TEXT NOT NULL,
        action TEXT NOT NULL,
        subject TEXT NOT NULL,
        data TEXT NOT NULL
    )
    """,
    "CREATE INDEX events_subject ON events (subject, id)",
    """
    CREATE TRIGGER events_keep_content BEFORE UPDATE ON events
    BEGIN SELECT RAISE(ABORT, 'events are append-only'); END
    """,
    """
    CREATE TRIGGER events_keep_rows BEFORE DELETE ON events
    BEGIN SELECT RAISE(ABORT, 'events are append-only'); END
    """,
    """
    CREATE TABLE table_versions (
        dataset TEXT NOT NULL,
        version INTEGER NOT NULL,
        rows INTEGER NOT NULL,
        files TEXT NOT NULL,
        at INTEGER NOT NULL,
        PRIMARY KEY (dataset, version)
    )
    """,
    """
    CREATE TABLE batches (
        dataset TEXT NOT NULL,
        batch TEXT NOT NULL,
        version INTEGER NOT NULL,
        report TEXT NOT NULL,
        PRIMARY KEY (dataset, batch)
    )
    """,
    """
    CREATE TABLE intervals (
        id INTEGER PRIMARY KEY,
        view TEXT NOT NULL,
        version TEXT NOT NULL,
        start_at INTEGER NOT NULL,
        end_at INTEGER NOT NULL,
        at INTEGER NOT NULL
    )
    """,
    "CREATE INDEX intervals_view ON intervals (view, id)",
    """
    CREATE TABLE runs (
        run_id TEXT PRIMARY KEY,
        pipeline TEXT NOT NULL,
        status TEXT NOT NULL,
        started_at INTEGER NOT NULL,
        ended_at INTEGER,
        detail TEXT NOT NULL DEFAULT '{}'
    )
    """,
    "CREATE INDEX runs_pipeline ON runs (pipeline, started_at)",
    """
    CREATE TABLE step_attempts (
        run_id TEXT NOT NULL REFERENCES runs (run_id),
        step TEXT NOT NULL,
        attempt INTEGER NOT NULL,
        token TEXT NOT NULL,
        status TEXT NOT NULL,
        started_at INTEGER NOT NULL,
        ended_at INTEGER,
        result TEXT NOT NULL DEFAULT '{}',
        error TEXT NOT NULL DEFAULT '',
        log TEXT NOT NULL DEFAULT '',
        pid INTEGER,
        PRIMARY KEY (run_id, step, attempt)
    )
    """,
)

MIGRATIONS: tuple[tuple[str, ...], ...] = (FIRST,)
