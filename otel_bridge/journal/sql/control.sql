-- name: ask
-- Leave a wish.
INSERT INTO control (command, target, argument, asked_ns) VALUES (?, ?, ?, ?);

-- name: open
-- Wishes not yet carried out, in the order of asking.
SELECT id, command, target, argument, progress FROM control WHERE done_ns IS NULL ORDER BY id;

-- name: advance
-- How far a wish is carried out.
UPDATE control SET progress = ? WHERE id = ?;

-- name: finish
-- A wish is carried out, or can't be.
UPDATE control SET done_ns = ?, outcome = ? WHERE id = ?;

-- name: outcome
-- What became of a wish.
SELECT done_ns, outcome FROM control WHERE id = ?;

-- name: forget
-- Forget wishes that were carried out long ago.
DELETE FROM control WHERE done_ns < ?;
