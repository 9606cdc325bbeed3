-- Version 2, for SQLite and PostgreSQL. Times are milliseconds since 1970, 0 and 1 are truth values.
CREATE TABLE task (
    seq         {sequence},
    id          TEXT NOT NULL UNIQUE,
    family      TEXT NOT NULL,
    instance    TEXT NOT NULL,
    node        TEXT,
    scan_type   TEXT NOT NULL,
    status      TEXT NOT NULL,
    created_ms  BIGINT NOT NULL,
    started_ms  BIGINT,
    finished_ms BIGINT,
    shards      BIGINT NOT NULL,
    -- Of these, not scanned yet. Whoever brings it to 0 joins the results.
    open_shards BIGINT NOT NULL,
    -- How often the results were begun to be joined.
    joins       BIGINT NOT NULL DEFAULT 0,
    num         BIGINT NOT NULL DEFAULT 0,
    failure     TEXT
);

-- At most one unfinished task of a family and instance, whoever asks at the same moment.
CREATE UNIQUE INDEX task_unfinished ON task (family, instance) WHERE status IN ('waiting', 'running');
CREATE INDEX task_listing ON task (family, instance, seq DESC);

-- The units of work of an unfinished task.
CREATE TABLE shard (
    task     TEXT NOT NULL REFERENCES task (id) ON DELETE CASCADE,
    number   BIGINT NOT NULL,
    node     TEXT NOT NULL,
    is_done  BIGINT NOT NULL DEFAULT 0,
    -- How often it was begun.
    attempts BIGINT NOT NULL DEFAULT 0,
    failure  TEXT,
    -- What it came to, in a form that can be joined.
    result   TEXT,
    PRIMARY KEY (task, number)
);

-- Apart from the tasks, so that listing them does not read past the results.
CREATE TABLE result (
    task   TEXT PRIMARY KEY REFERENCES task (id) ON DELETE CASCADE,
    body   TEXT,
    report TEXT
);

CREATE TABLE autoscan (
    instance   TEXT PRIMARY KEY,
    enabled    BIGINT NOT NULL,
    schedule   TEXT NOT NULL,
    updated_ms BIGINT NOT NULL,
    fired_ms   BIGINT NOT NULL
);
