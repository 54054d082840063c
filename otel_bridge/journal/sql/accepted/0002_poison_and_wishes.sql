-- Messages of queues that can't be taken, or not whole, as they came. What was buried once is not counted again
-- when its queue gives it once more.
CREATE TABLE poison (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    source TEXT NOT NULL,
    topic TEXT NOT NULL,
    part INTEGER NOT NULL,
    place INTEGER NOT NULL,
    content TEXT NOT NULL,
    encoding TEXT NOT NULL,
    reason TEXT NOT NULL,
    at_ns INTEGER NOT NULL,
    key BLOB,
    payload BLOB NOT NULL,
    UNIQUE (source, topic, part, place)
);

-- Wishes of the command line to the receiving process.
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
