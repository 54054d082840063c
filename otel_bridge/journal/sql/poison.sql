-- name: at_place
-- What is kept of a place in a topic, and whether it is this message.
SELECT seq, payload = ? FROM poison WHERE source = ? AND topic = ? AND part = ? AND place = ?;

-- name: bury
-- Keep a message.
INSERT INTO poison (source, topic, part, place, content, encoding, reason, at_ns, key, payload)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: oldest
-- The oldest message kept, and its size.
SELECT seq, length(payload) + length(coalesce(key, x'')) FROM poison ORDER BY seq LIMIT 1;

-- name: size
-- How large one message is.
SELECT length(payload) + length(coalesce(key, x'')) FROM poison WHERE seq = ?;

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
