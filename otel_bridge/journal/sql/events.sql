-- name: insert
-- Keep an event under its number.
INSERT INTO events (
    seq, type, key, parent_key, event_time_ns, made_ns, job_namespace, job_name, trace_id, span_id, body
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: insert_omission
-- Say what an event does not contain.
INSERT INTO omissions (event_seq, path, reason) VALUES (?, ?, ?);

-- name: insert_failure
-- Remember that a row could not be converted.
INSERT OR REPLACE INTO failures (accepted_seq, at_ns, reason, traceback) VALUES (?, ?, ?, ?);

-- name: delete_failure
-- A row that had failed is converted.
DELETE FROM failures WHERE accepted_seq = ?;

-- name: failed_after
-- The next rows that had failed.
SELECT accepted_seq FROM failures WHERE accepted_seq > ? AND accepted_seq <= ? ORDER BY accepted_seq LIMIT ?;

-- name: failures
-- The latest failures first.
SELECT accepted_seq, reason, traceback, at_ns FROM failures ORDER BY at_ns DESC, accepted_seq DESC LIMIT ?;

-- name: set_cursor
-- Everything up to a row is converted.
UPDATE cursor SET accepted_seq = ? WHERE accepted_seq < ?;

-- name: cursor
-- Up to which row everything is converted.
SELECT accepted_seq FROM cursor;

-- name: last
-- The number given out last, whether or not that event is still kept.
SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'events';

-- name: first
-- The oldest event kept.
SELECT min(seq) FROM events;

-- name: read
-- The next events in order.
SELECT seq, made_ns, type, key, parent_key, event_time_ns, job_namespace, job_name, trace_id, span_id, body
FROM events WHERE seq > ? ORDER BY seq LIMIT ?;

-- name: read_one
-- One event.
SELECT seq, made_ns, type, key, parent_key, event_time_ns, job_namespace, job_name, trace_id, span_id, body
FROM events WHERE seq = ?;

-- name: find
-- Events that match; the conditions are put in the place of the mark.
SELECT seq, made_ns, type, key, parent_key, event_time_ns, job_namespace, job_name, trace_id, span_id, body
FROM events WHERE /*conditions*/ ORDER BY seq /*direction*/ LIMIT ?;

-- name: made_after
-- When the first event after another was made.
SELECT made_ns FROM events WHERE seq > ? ORDER BY seq LIMIT 1;

-- name: omissions_of
-- What one event does not contain.
SELECT event_seq, path, reason FROM omissions WHERE event_seq = ? ORDER BY rowid;

-- name: omissions
-- What was left out lately.
SELECT event_seq, path, reason FROM omissions WHERE event_seq > ? ORDER BY event_seq DESC, rowid DESC LIMIT ?;

-- name: oldest
-- The oldest events up to one, with their age and size.
SELECT seq, made_ns, length(body) FROM events WHERE seq <= ? ORDER BY seq LIMIT ?;

-- name: delete
-- Forget events up to one.
DELETE FROM events WHERE seq <= ?;

-- name: delete_omissions
-- Forget what was left out of events that are forgotten; under 0 is what gave no event.
DELETE FROM omissions WHERE event_seq BETWEEN 1 AND ?;

-- name: delete_unusable
-- Of what gave no event keep the latest.
DELETE FROM omissions WHERE event_seq = 0 AND rowid NOT IN (
    SELECT rowid FROM omissions WHERE event_seq = 0 ORDER BY rowid DESC LIMIT ?
);

-- name: unusable
-- What gave no event, the latest first.
SELECT event_seq, path, reason FROM omissions WHERE event_seq = 0 ORDER BY rowid DESC LIMIT ?;

-- name: old_failures
-- Failures whose span is no longer kept.
DELETE FROM failures WHERE accepted_seq IN (SELECT accepted_seq FROM failures WHERE at_ns < ? LIMIT ?);

-- name: old_foreign_runs
-- Runs of other producers that nothing touched for long.
DELETE FROM foreign_runs WHERE run_id IN (
    SELECT run_id FROM foreign_runs WHERE updated_ns < ? ORDER BY updated_ns LIMIT ?
);

-- name: old_records
-- Records that nothing touched for long and that wait for nothing.
DELETE FROM records WHERE (trace_id, span_id) IN (
    SELECT trace_id, span_id FROM records WHERE updated_ns < ? AND due_ns IS NULL ORDER BY updated_ns LIMIT ?
);
