-- Accepted spans and log records. `seq` grows by one and is never used twice, because the newest row is never
-- pruned; so it needs no AUTOINCREMENT, which would cost a further page in each commit.
CREATE TABLE accepted (
    seq INTEGER PRIMARY KEY,
    key BLOB NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    received_ns INTEGER NOT NULL,
    payload BLOB NOT NULL
);

-- What became of everything that was received, and the bytes of the payloads kept.
CREATE TABLE counters (
    name TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) WITHOUT ROWID;

-- Which releases wrote here.
CREATE TABLE release (
    version TEXT NOT NULL,
    at_ns INTEGER NOT NULL
);
