-- OpenLineage events in the order they were made. AUTOINCREMENT: a number is never used twice, however much is pruned.
CREATE TABLE events (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    type TEXT NOT NULL,
    key TEXT NOT NULL,
    parent_key TEXT NOT NULL,
    event_time_ns INTEGER NOT NULL,
    made_ns INTEGER NOT NULL,
    job_namespace TEXT NOT NULL,
    job_name TEXT NOT NULL,
    trace_id TEXT NOT NULL,
    span_id TEXT NOT NULL,
    body BLOB NOT NULL
);

-- Looked up by run and by trace.
CREATE INDEX events_by_key ON events (key);
CREATE INDEX events_by_trace ON events (trace_id);

-- What was left out of which event, and why.
CREATE TABLE omissions (
    event_seq INTEGER NOT NULL,
    path TEXT NOT NULL,
    reason TEXT NOT NULL
);
CREATE INDEX omissions_by_event ON omissions (event_seq);

-- Accepted rows whose conversion raised; converting one again removes it.
CREATE TABLE failures (
    accepted_seq INTEGER PRIMARY KEY,
    at_ns INTEGER NOT NULL,
    reason TEXT NOT NULL,
    traceback TEXT NOT NULL
);

-- The assembler's state, one row a span. `body` is the whole record; the columns are what it is looked up by.
CREATE TABLE records (
    trace_id TEXT NOT NULL,
    span_id TEXT NOT NULL,
    run_id TEXT NOT NULL,
    waits_span TEXT NOT NULL,
    waits_run TEXT NOT NULL,
    due_ns INTEGER,
    updated_ns INTEGER NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (trace_id, span_id)
) WITHOUT ROWID;
CREATE INDEX records_by_run ON records (run_id) WHERE run_id <> '';
CREATE INDEX records_by_waits_span ON records (trace_id, waits_span) WHERE waits_span <> '';
CREATE INDEX records_by_waits_run ON records (waits_run) WHERE waits_run <> '';
CREATE INDEX records_by_due ON records (due_ns) WHERE due_ns IS NOT NULL;
CREATE INDEX records_by_age ON records (updated_ns);

-- The accepted row up to which everything is converted: one row.
CREATE TABLE cursor (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    accepted_seq INTEGER NOT NULL
);
INSERT INTO cursor (id, accepted_seq) VALUES (1, 0);

-- Rows converted and failed, events by type, omissions by reason, bytes of the bodies kept.
CREATE TABLE counters (
    name TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) WITHOUT ROWID;

-- Wishes of the command line, carried out by the converting process.
CREATE TABLE control (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    command TEXT NOT NULL,
    target TEXT NOT NULL,
    argument TEXT NOT NULL,
    asked_ns INTEGER NOT NULL,
    progress INTEGER NOT NULL DEFAULT 0,
    done_ns INTEGER,
    outcome TEXT NOT NULL DEFAULT ''
);

-- Which releases wrote here.
CREATE TABLE release (
    version TEXT NOT NULL,
    at_ns INTEGER NOT NULL
);
