-- name: of
-- All that is known of a part.
SELECT source, body FROM artifacts WHERE scope = ? AND part = ?;

-- name: put
-- Add or replace a piece.
INSERT OR REPLACE INTO artifacts (scope, part, source, updated_ns, body) VALUES (?, ?, ?, ?, ?);

-- name: ever
-- Whether artifacts were received at any time.
SELECT 1 FROM artifacts WHERE scope = '';

-- name: old
-- Pieces that were told long ago; that artifacts were received at all stays known.
DELETE FROM artifacts WHERE (scope, part, source) IN (
    SELECT scope, part, source FROM artifacts WHERE updated_ns < ? AND scope <> '' ORDER BY updated_ns LIMIT ?
);

-- name: oldest
-- The oldest scopes with their size.
SELECT scope, sum(length(body)), max(updated_ns) FROM artifacts WHERE scope <> '' GROUP BY scope ORDER BY 3;

-- name: size
-- Bytes of all pieces.
SELECT coalesce(sum(length(body)), 0) FROM artifacts;

-- name: delete_scope
-- Forget an invocation.
DELETE FROM artifacts WHERE scope = ?;

-- name: invocations
-- Invocations with pieces of their artifacts, the latest first.
SELECT scope, sum(length(body)), max(updated_ns) FROM artifacts WHERE scope GLOB 'dbt:*' AND source <> 'told'
GROUP BY scope HAVING sum(source NOT GLOB 'note:*') > 0 ORDER BY 3 DESC, scope LIMIT ?;

-- name: sources
-- How many nodes each source of an invocation tells.
SELECT source, count(*) FILTER (WHERE part <> '') FROM artifacts WHERE scope = ? GROUP BY source ORDER BY source;
