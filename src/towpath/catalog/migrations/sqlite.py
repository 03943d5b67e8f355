"""The catalog's tables in SQLite."""

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

SECOND = (
    # An insert with the id of another event would replace it without firing the trigger on DELETE.
    """
    CREATE TRIGGER events_keep_ids BEFORE INSERT ON events
    WHEN EXISTS (SELECT 1 FROM events WHERE id = NEW.id)
    BEGIN SELECT RAISE(ABORT, 'events are append-only'); END
    """,
    "CREATE INDEX events_at ON events (at)",
    """
    CREATE TABLE assets (
        id INTEGER PRIMARY KEY,
        kind TEXT NOT NULL,
        name TEXT NOT NULL,
        owner TEXT NOT NULL,
        updated_at INTEGER NOT NULL,
        UNIQUE (kind, name)
    )
    """,
    """
    CREATE TABLE asset_details (
        asset INTEGER PRIMARY KEY REFERENCES assets (id) ON DELETE CASCADE,
        description TEXT NOT NULL,
        tags TEXT NOT NULL,
        columns TEXT NOT NULL
    )
    """,
    """
    CREATE TABLE asset_tags (
        asset INTEGER NOT NULL REFERENCES assets (id) ON DELETE CASCADE,
        tag TEXT NOT NULL,
        PRIMARY KEY (asset, tag)
    ) WITHOUT ROWID
    """,
    """
    CREATE VIRTUAL TABLE asset_text USING fts5 (
        names, columns, tags, texts, tokenize = 'ascii', prefix = '1 2 3', detail = 'column'
    )
    """,
    """
    CREATE TABLE asset_words (
        word TEXT PRIMARY KEY,
        reversed TEXT NOT NULL
    ) WITHOUT ROWID
    """,
    "CREATE INDEX asset_words_reversed ON asset_words (reversed)",
    """
    CREATE TABLE lineage_edges (
        id INTEGER PRIMARY KEY,
        up_kind TEXT NOT NULL,
        up_name TEXT NOT NULL,
        up_version TEXT NOT NULL,
        up_column TEXT NOT NULL,
        down_kind TEXT NOT NULL,
        down_name TEXT NOT NULL,
        down_version TEXT NOT NULL,
        down_column TEXT NOT NULL,
        UNIQUE (
            down_kind, down_name, down_version, down_column,
            up_kind, up_name, up_version, up_column
        )
    )
    """,
    "CREATE INDEX lineage_edges_up ON lineage_edges (up_kind, up_name, up_version)",
    """
    CREATE TABLE uses (
        subject TEXT NOT NULL,
        actor TEXT NOT NULL,
        action TEXT NOT NULL,
        day INTEGER NOT NULL,
        times INTEGER NOT NULL,
        last_at INTEGER NOT NULL,
        PRIMARY KEY (subject, actor, action, day)
    ) WITHOUT ROWID
    """,
    "CREATE INDEX uses_last ON uses (subject, last_at)",
    "ALTER TABLE table_versions ADD COLUMN schema TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE table_versions ADD COLUMN vacuumed INTEGER NOT NULL DEFAULT 0",
    """
    CREATE TABLE leases (
        name TEXT PRIMARY KEY,
        token INTEGER NOT NULL,
        holder TEXT NOT NULL,
        expires_at INTEGER NOT NULL
    )
    """,
)

MIGRATIONS: tuple[tuple[str, ...], ...] = (FIRST, SECOND)
