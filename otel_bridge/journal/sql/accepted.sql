-- name: insert
-- Keep a row unless its key is known.
INSERT OR IGNORE INTO accepted (key, kind, received_ns, payload) VALUES (?, ?, ?, ?);

-- name: last
-- The newest row's number; rows are numbered without gaps from 1.
SELECT coalesce(max(seq), 0) FROM accepted;

-- name: first
-- The oldest row's number that is still kept.
SELECT coalesce(min(seq), 1) FROM accepted;

-- name: bytes_after
-- Bytes of the payloads that came after a row.
SELECT coalesce(sum(length(payload)), 0) FROM accepted WHERE seq > ?;

-- name: oldest
-- The oldest rows up to one, with their age and size.
SELECT seq, received_ns, length(payload) FROM accepted WHERE seq <= ? ORDER BY seq LIMIT ?;

-- name: delete
-- Forget rows up to one.
DELETE FROM accepted WHERE seq <= ?;

-- name: read
-- The next rows in order.
SELECT seq, kind, received_ns, payload FROM accepted WHERE seq > ? ORDER BY seq LIMIT ?;

-- name: read_one
-- One row.
SELECT seq, kind, received_ns, payload FROM accepted WHERE seq = ?;

-- name: newest
-- Keys of the newest spans and log records, and when they were received, latest first.
SELECT key, received_ns FROM accepted WHERE kind IN ('span', 'log') ORDER BY seq DESC LIMIT ?;

-- name: received_after
-- When the first row after another was received.
SELECT received_ns FROM accepted WHERE seq > ? ORDER BY seq LIMIT 1;
