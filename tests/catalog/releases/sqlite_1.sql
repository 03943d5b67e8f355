BEGIN TRANSACTION;
CREATE TABLE batches (
        dataset TEXT NOT NULL,
        batch TEXT NOT NULL,
        version INTEGER NOT NULL,
        report TEXT NOT NULL,
        PRIMARY KEY (dataset, batch)
    );
INSERT INTO "batches" VALUES('trips','k1',1,'{"rows":2}');
CREATE TABLE definitions (
        id INTEGER PRIMARY KEY,
        kind TEXT NOT NULL,
        name TEXT NOT NULL,
        version TEXT NOT NULL,
        body TEXT NOT NULL,
        applied_at INTEGER NOT NULL,
        actor TEXT NOT NULL,
        active INTEGER NOT NULL DEFAULT 1
    );
INSERT INTO "definitions" VALUES(1,'dataset','trips','v1','{"name":"trips"}',1790841600000000,'ada',0);
INSERT INTO "definitions" VALUES(2,'dataset','trips','v2','{"name":"trips","owner":"ops"}',1790845200000000,'bob',1);
INSERT INTO "definitions" VALUES(3,'model','delay','m1','{"name":"delay"}',1790845200000000,'bob',1);
CREATE TABLE events (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        at INTEGER NOT NULL,
        actor TEXT NOT NULL,
        action TEXT NOT NULL,
        subject TEXT NOT NULL,
        data TEXT NOT NULL
    );
INSERT INTO "events" VALUES(1,1790841600000000,'ada','dataset.ingested','dataset/trips','{"failed":[],"rows":3,"source":"São Paulo.csv"}');
INSERT INTO "events" VALUES(2,1790845200000000,'bob','model.promoted','model/delay/3','{"alias":"champion"}');
CREATE TABLE intervals (
        id INTEGER PRIMARY KEY,
        view TEXT NOT NULL,
        version TEXT NOT NULL,
        start_at INTEGER NOT NULL,
        end_at INTEGER NOT NULL,
        at INTEGER NOT NULL
    );
INSERT INTO "intervals" VALUES(1,'carrier','v1',1790841600000000,1790845200000000,1790845200000000);
CREATE TABLE runs (
        run_id TEXT PRIMARY KEY,
        pipeline TEXT NOT NULL,
        status TEXT NOT NULL,
        started_at INTEGER NOT NULL,
        ended_at INTEGER,
        detail TEXT NOT NULL DEFAULT '{}'
    );
INSERT INTO "runs" VALUES('nightly_20261001_080000_12def5','nightly','failed',1790841600000000,1790845200000000,'{"version":"p1"}');
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
    );
INSERT INTO "step_attempts" VALUES('nightly_20261001_080000_12def5','ingest',1,'88e0de8a43347d26','succeeded',1790841600000000,1790845200000000,'{"rows":3}','','ingest.log',NULL);
INSERT INTO "step_attempts" VALUES('nightly_20261001_080000_12def5','train',1,'063e6a1615a0b36e','failed',1790845200000000,1790845200000000,'{}','{"kind":"Contract","message":"3 rows lack a fare."}','train.log',NULL);
CREATE TABLE table_versions (
        dataset TEXT NOT NULL,
        version INTEGER NOT NULL,
        rows INTEGER NOT NULL,
        files TEXT NOT NULL,
        at INTEGER NOT NULL,
        PRIMARY KEY (dataset, version)
    );
INSERT INTO "table_versions" VALUES('trips',0,3,'{"a.parquet":"0f"}',1790841600000000);
INSERT INTO "table_versions" VALUES('trips',1,5,'{"a.parquet":"0f","b.parquet":"1e"}',1790845200000000);
CREATE UNIQUE INDEX definitions_active ON definitions (kind, name) WHERE active = 1;
CREATE INDEX definitions_history ON definitions (kind, name, id);
CREATE INDEX events_subject ON events (subject, id);
CREATE TRIGGER events_keep_content BEFORE UPDATE ON events
    BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
CREATE TRIGGER events_keep_rows BEFORE DELETE ON events
    BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
CREATE INDEX intervals_view ON intervals (view, id);
CREATE INDEX runs_pipeline ON runs (pipeline, started_at);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('events',2);
COMMIT;
PRAGMA user_version = 1;
