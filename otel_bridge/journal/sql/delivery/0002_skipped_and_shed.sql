-- Events that a destination's consumer does not want are settled without being sent.
ALTER TABLE destinations ADD COLUMN skipped INTEGER NOT NULL DEFAULT 0;

-- Which events those are, as long as they are kept: delivering from an earlier event on takes them back.
CREATE TABLE skips (
    destination TEXT NOT NULL,
    seq INTEGER NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (destination, seq)
) WITHOUT ROWID;

-- Sums by destination: `what` is skipped (by reason) or shed (by facet, once a delivery).
CREATE TABLE tallies (
    destination TEXT NOT NULL,
    what TEXT NOT NULL,
    label TEXT NOT NULL,
    value INTEGER NOT NULL,
    PRIMARY KEY (destination, what, label)
) WITHOUT ROWID;
