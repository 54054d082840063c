-- name: put
-- Add or replace the record of a span.
INSERT OR REPLACE INTO records
    (trace_id, span_id, run_id, waits_span, waits_run, awaits, due_ns, updated_ns, body)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: get
-- The record of a span.
SELECT body FROM records WHERE trace_id = ? AND span_id = ?;

-- name: by_run
-- The record of a run.
SELECT trace_id, span_id, body FROM records WHERE run_id = ? AND run_id <> '';

-- name: waiting
-- Records of a trace that wait for a span.
SELECT trace_id, span_id, body FROM records WHERE trace_id = ? AND waits_span = ? AND waits_span <> '';

-- name: waiting_for_run
-- Records that wait for a run.
SELECT trace_id, span_id, body FROM records WHERE waits_run = ? AND waits_run <> '';

-- name: awaiting
-- Records that await something beside the run above.
SELECT trace_id, span_id, body FROM records WHERE awaits = ? AND awaits <> '';

-- name: any_waiting
-- Whether a record waits for a span.
SELECT 1 FROM records WHERE waits_span <> '' LIMIT 1;

-- name: any_waiting_for_run
-- Whether a record waits for a run.
SELECT 1 FROM records WHERE waits_run <> '' LIMIT 1;

-- name: due
-- Records that must be looked at, the earliest first.
SELECT trace_id, span_id, body FROM records WHERE due_ns <= ? ORDER BY due_ns;

-- name: next_due
-- Records by when they must be looked at.
SELECT trace_id, span_id, due_ns FROM records WHERE due_ns IS NOT NULL ORDER BY due_ns LIMIT ?;
