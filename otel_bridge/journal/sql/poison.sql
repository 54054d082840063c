-- name: bury
-- Keep a message unless it is kept already.
INSERT OR IGNORE INTO poison (source, topic, part, place, content, encoding, reason, at_ns, key, payload)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: oldest
-- The oldest message kept, and its size.
SELECT seq, length(payload) FROM poison ORDER BY seq LIMIT 1;

-- name: size
-- How large one message is.
SELECT length(payload) FROM poison WHERE seq = ?;

-- name: forget
-- A message was taken after all, is given up, or makes room.
DELETE FROM poison WHERE seq = ?;

-- name: explain
-- Another attempt failed for this reason.
UPDATE poison SET reason = ? WHERE seq = ?;

-- name: list
-- Messages of one source after a number, in order.
SELECT source, topic, part, place, content, encoding, reason, at_ns, key, payload, seq
FROM poison WHERE source = ? AND seq > ? ORDER BY seq LIMIT ?;

-- name: list_all
-- Messages of all sources after a number, in order.
SELECT source, topic, part, place, content, encoding, reason, at_ns, key, payload, seq
FROM poison WHERE seq > ? ORDER BY seq LIMIT ?;

-- name: seqs
-- Numbers of the messages of one source.
SELECT seq FROM poison WHERE source = ? ORDER BY seq;

-- name: sources
-- Sources with messages, and how many.
SELECT source, count(*) FROM poison GROUP BY source ORDER BY source;
