-- Version 1. Times are milliseconds since 1970.
CREATE TABLE task (
    seq         INTEGER PRIMARY KEY AUTOINCREMENT,
    id          TEXT NOT NULL UNIQUE,
    family      TEXT NOT NULL,
    instance    TEXT NOT NULL,
    node        TEXT,
    scan_type   TEXT NOT NULL,
    status      TEXT NOT NULL,
    created_ms  INTEGER NOT NULL,
    started_ms  INTEGER,
    finished_ms INTEGER,
    attempts    INTEGER NOT NULL DEFAULT 0,
    num         INTEGER NOT NULL DEFAULT 0,
    failure     TEXT
);

-- At most one unfinished task of a family and instance, whoever asks at the same moment.
CREATE UNIQUE INDEX task_unfinished ON task (family, instance) WHERE status IN ('waiting', 'running');
CREATE INDEX task_listing ON task (family, instance, seq DESC);

-- Apart from the tasks, so that listing them does not read past the results.
CREATE TABLE result (
    task   TEXT PRIMARY KEY REFERENCES task (id) ON DELETE CASCADE,
    body   TEXT,
    report TEXT
);

CREATE TABLE autoscan (
    instance   TEXT PRIMARY KEY,
    enabled    INTEGER NOT NULL,
    schedule   TEXT NOT NULL,
    updated_ms INTEGER NOT NULL,
    fired_ms   INTEGER NOT NULL
);
