"""A database with two versions: what two releases of the bridge would differ in."""

from otel_bridge.journal.schema import Migration

STEPS = (
    Migration(
        1,
        """
        CREATE TABLE rows (name TEXT NOT NULL);
        CREATE TABLE release (version TEXT NOT NULL, at_ns INTEGER NOT NULL);
        """,
    ),
    Migration(
        2,
        """
        -- A comment; with a semicolon.
        CREATE TABLE named (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
        INSERT INTO named (name) SELECT name FROM rows;
        DROP TABLE rows;
        CREATE INDEX by_name ON named (name);
        """,
    ),
)
