-- name: destinations
-- Where every destination stands.
SELECT name, started_after, cursor, delivered, dead, missed, skipped FROM destinations ORDER BY name;

-- name: join
-- A destination appears for the first time.
INSERT INTO destinations (name, started_after, cursor) VALUES (?, ?, ?);

-- name: stand
-- Where a destination stands now.
UPDATE destinations SET cursor = ?, delivered = ?, dead = ?, missed = ?, skipped = ? WHERE name = ?;

-- name: all_ahead
-- Settled events beyond the cursors.
SELECT destination, seq FROM ahead;

-- name: ahead
-- How many events are settled beyond each cursor.
SELECT destination, count(*) FROM ahead GROUP BY destination;

-- name: go_ahead
-- An event beyond the cursor is settled.
INSERT OR IGNORE INTO ahead (destination, seq) VALUES (?, ?);

-- name: caught_up
-- The cursor has passed these.
DELETE FROM ahead WHERE destination = ? AND seq <= ?;

-- name: forget_ahead
-- Everything after an event is open again.
DELETE FROM ahead WHERE destination = ? AND seq > ?;

-- name: bury
-- An event is dead for a destination.
INSERT OR REPLACE INTO dead_letters (destination, seq, reason, status, answer, at_ns, attempts, state)
VALUES (?, ?, ?, ?, ?, ?, ?, 'dead');

-- name: dead_among
-- Whether an event is dead for a destination.
SELECT 1 FROM dead_letters WHERE destination = ? AND seq = ?;

-- name: unbury
-- A dead letter was delivered after all.
DELETE FROM dead_letters WHERE destination = ? AND seq = ?;

-- name: unbury_after
-- Dead letters after an event are open again.
DELETE FROM dead_letters WHERE destination = ? AND seq > ?;

-- name: drop
-- A dead letter will not be tried again.
UPDATE dead_letters SET state = 'dropped' WHERE destination = ? AND seq = ? AND state = 'dead';

-- name: letters
-- Dead letters of a destination in the order of the log.
SELECT destination, seq, reason, status, answer, at_ns, attempts, state FROM dead_letters
WHERE destination = ? AND seq > ? AND state = ? ORDER BY seq LIMIT ?;

-- name: all_letters
-- Dead letters of all destinations in the order of the log.
SELECT destination, seq, reason, status, answer, at_ns, attempts, state FROM dead_letters
WHERE seq > ? AND state = ? ORDER BY seq, destination LIMIT ?;

-- name: dead_by_reason
-- How many letters are dead or dropped, by reason.
SELECT destination, reason, state, count(*) FROM dead_letters GROUP BY destination, reason, state;

-- name: forget_letters
-- Dead letters whose event is no longer kept.
DELETE FROM dead_letters WHERE seq < ?;

-- name: skip
-- An event is not wanted by a destination.
INSERT OR REPLACE INTO skips (destination, seq, reason) VALUES (?, ?, ?);

-- name: skipped_among
-- Why an event was skipped for a destination, if it was.
SELECT reason FROM skips WHERE destination = ? AND seq = ?;

-- name: unskip
-- A skipped event was delivered after all.
DELETE FROM skips WHERE destination = ? AND seq = ?;

-- name: skipped_after
-- How many events after one were skipped, by reason.
SELECT reason, count(*) FROM skips WHERE destination = ? AND seq > ? GROUP BY reason;

-- name: unskip_after
-- Skipped events after one are open again.
DELETE FROM skips WHERE destination = ? AND seq > ?;

-- name: forget_skips
-- Skipped events that are no longer kept; they stay counted.
DELETE FROM skips WHERE seq < ?;

-- name: tally
-- Add to a sum.
INSERT INTO tallies (destination, what, label, value) VALUES (?, ?, ?, ?)
ON CONFLICT (destination, what, label) DO UPDATE SET value = value + excluded.value;

-- name: tallies
-- All sums.
SELECT destination, what, label, value FROM tallies WHERE value <> 0 ORDER BY destination, what, label;
