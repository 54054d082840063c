-- name: get
-- What is known of a run.
SELECT started, ended FROM foreign_runs WHERE run_id = ?;

-- name: put
-- Add or replace a run.
INSERT OR REPLACE INTO foreign_runs (run_id, started, ended, updated_ns) VALUES (?, ?, ?, ?);

-- name: any
-- Whether there is any.
SELECT 1 FROM foreign_runs LIMIT 1;
