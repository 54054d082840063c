-- name: find
-- A statement that is known, and when it was said last.
SELECT id, last_ns FROM claims
WHERE namespace = ? AND name = ? AND alias_namespace = ? AND alias_name = ? AND said = ?;

-- name: of_dataset
-- How many other names a dataset has, up to a limit.
SELECT count(*) FROM (SELECT 1 FROM claims WHERE namespace = ? AND name = ? LIMIT ?);

-- name: of_alias
-- How many datasets claim a name, up to a limit.
SELECT count(*) FROM (SELECT 1 FROM claims WHERE alias_namespace = ? AND alias_name = ? LIMIT ?);

-- name: insert
-- Keep a statement.
INSERT INTO claims (
    namespace, name, alias_namespace, alias_name, said, type, event_seq, producer, job_namespace, job_name, key,
    trace_id, span_id, first_ns, last_ns
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: touch
-- It was said again.
UPDATE claims SET last_ns = ? WHERE id = ?;

-- name: refuse
-- An example of statements that never count.
INSERT OR REPLACE INTO refused_claims (
    reason, namespace, name, alias_namespace, alias_name, event_seq, at_ns
) VALUES (?, ?, ?, ?, ?, ?, ?);

-- name: bound_refused
-- Of the examples keep the latest.
DELETE FROM refused_claims WHERE (reason, namespace, name) IN (
    SELECT reason, namespace, name FROM refused_claims ORDER BY at_ns DESC LIMIT -1 OFFSET ?
);

-- name: old
-- Statements that nobody made for long.
DELETE FROM claims WHERE id IN (SELECT id FROM claims WHERE last_ns < ? ORDER BY last_ns LIMIT ?);

-- name: old_refused
-- Examples that are old.
DELETE FROM refused_claims WHERE (reason, namespace, name) IN (
    SELECT reason, namespace, name FROM refused_claims WHERE at_ns < ? ORDER BY at_ns LIMIT ?
);

-- name: read
-- The next statements in the order in which they were made.
SELECT id, namespace, name, alias_namespace, alias_name, type, said, event_seq, producer, job_namespace, job_name, key,
    trace_id, span_id, first_ns, last_ns
FROM claims WHERE id > ? ORDER BY id LIMIT ?;

-- name: refused
-- Examples of statements that never count, the latest first.
SELECT reason, namespace, name, alias_namespace, alias_name, event_seq FROM refused_claims
ORDER BY at_ns DESC, namespace, name LIMIT ?;

-- name: forgotten
-- How many statements were forgotten.
SELECT value FROM counters WHERE name = 'identity:forgotten';
