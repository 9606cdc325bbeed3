-- Version 4, for SQLite and PostgreSQL. Times are milliseconds since 1970, 0 and 1 are truth
-- values.
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
    -- Number of shards that were not scanned yet when a shard ended last: for display, and no decision
    -- depends on it.
    open_shards BIGINT NOT NULL,
    -- Number of times that a join of the results was begun.
    joins       BIGINT NOT NULL DEFAULT 0,
    num         BIGINT NOT NULL DEFAULT 0,
    -- Why a task failed, and the sums over the result of a big-key analysis, as JSON.
    failure     TEXT,
    summary     TEXT,
    -- Id of the backup that the task was created for. NULL: none in particular.
    backup      TEXT,
    -- Access key or name of the token, address of the client and id of the request that created it. NULL
    -- for a schedule.
    caller      TEXT,
    peer        TEXT,
    request_id  TEXT
);

-- At most one unfinished task of a family and instance, also for concurrent requests.
CREATE UNIQUE INDEX task_unfinished ON task (family, instance) WHERE status IN ('waiting', 'running');
CREATE INDEX task_listing ON task (family, instance, seq DESC);

-- The units of work of an unfinished task.
CREATE TABLE shard (
    task     TEXT NOT NULL REFERENCES task (id) ON DELETE CASCADE,
    number   BIGINT NOT NULL,
    node     TEXT NOT NULL,
    is_done  BIGINT NOT NULL DEFAULT 0,
    -- Number of times that the scan was begun.
    attempts BIGINT NOT NULL DEFAULT 0,
    failure  TEXT,
    -- The result, in a form that can be joined.
    result   TEXT,
    -- Signature of failure and result.
    mac      TEXT,
    -- The backup to scan, as JSON. NULL: whichever is there.
    backup   TEXT,
    PRIMARY KEY (task, number)
);

-- Separate from the tasks, so that a list of tasks does not read results.
CREATE TABLE result (
    task       TEXT PRIMARY KEY REFERENCES task (id) ON DELETE CASCADE,
    body       TEXT,
    report     TEXT,
    -- The report as an HTML page.
    page       TEXT,
    body_mac   TEXT,
    report_mac TEXT,
    page_mac   TEXT
);

CREATE TABLE autoscan (
    instance   TEXT PRIMARY KEY,
    enabled    BIGINT NOT NULL,
    schedule   TEXT NOT NULL,
    updated_ms BIGINT NOT NULL,
    fired_ms   BIGINT NOT NULL
);
