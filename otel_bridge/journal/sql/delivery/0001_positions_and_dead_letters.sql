-- Where each destination stands: every event up to `cursor` is settled, those up to `started_after` are not counted
-- because it did not exist then, `missed` were pruned before it came back.
CREATE TABLE destinations (
    name TEXT PRIMARY KEY,
    started_after INTEGER NOT NULL,
    cursor INTEGER NOT NULL,
    delivered INTEGER NOT NULL DEFAULT 0,
    dead INTEGER NOT NULL DEFAULT 0,
    missed INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;

-- Settled events beyond the cursor.
CREATE TABLE ahead (
    destination TEXT NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (destination, seq)
) WITHOUT ROWID;

-- Events that a destination will never take. `state` is dead or dropped.
CREATE TABLE dead_letters (
    destination TEXT NOT NULL,
    seq INTEGER NOT NULL,
    reason TEXT NOT NULL,
    status INTEGER,
    answer TEXT NOT NULL,
    at_ns INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    state TEXT NOT NULL,
    PRIMARY KEY (destination, seq)
) WITHOUT ROWID;

-- Wishes of the command line, carried out by the delivering process.
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
