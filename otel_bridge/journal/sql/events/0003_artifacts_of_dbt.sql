-- Runs that await more than the run above.
ALTER TABLE records ADD COLUMN awaits TEXT NOT NULL DEFAULT '';
CREATE INDEX records_by_awaits ON records (awaits) WHERE awaits <> '';

-- What artifacts of dbt say, and what is remembered for runs below: one piece of a scope (an invocation) and part (a
-- node). `body` is compressed.
CREATE TABLE artifacts (
    scope TEXT NOT NULL,
    part TEXT NOT NULL,
    source TEXT NOT NULL,
    updated_ns INTEGER NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (scope, part, source)
) WITHOUT ROWID;
CREATE INDEX artifacts_by_age ON artifacts (updated_ns);
