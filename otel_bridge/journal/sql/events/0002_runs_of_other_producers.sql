-- Runs that other producers spoke of: whether their START, and a terminal event of theirs, is in the log.
CREATE TABLE foreign_runs (
    run_id TEXT PRIMARY KEY,
    started INTEGER NOT NULL,
    ended INTEGER NOT NULL,
    updated_ns INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX foreign_runs_by_age ON foreign_runs (updated_ns);
