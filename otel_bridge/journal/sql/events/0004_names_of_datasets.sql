-- What events say of a dataset's other names: one row for each pair, with the first event that said it.
CREATE TABLE claims (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    namespace TEXT NOT NULL,
    name TEXT NOT NULL,
    alias_namespace TEXT NOT NULL,
    alias_name TEXT NOT NULL,
    said TEXT NOT NULL,
    type TEXT NOT NULL,
    event_seq INTEGER NOT NULL,
    producer TEXT NOT NULL,
    job_namespace TEXT NOT NULL,
    job_name TEXT NOT NULL,
    key TEXT NOT NULL,
    trace_id TEXT NOT NULL,
    span_id TEXT NOT NULL,
    first_ns INTEGER NOT NULL,
    last_ns INTEGER NOT NULL,
    UNIQUE (namespace, name, alias_namespace, alias_name, said)
);
CREATE INDEX claims_by_alias ON claims (alias_namespace, alias_name, said);
CREATE INDEX claims_by_age ON claims (last_ns);

-- Statements that never count, the latest example of each kind and dataset.
CREATE TABLE refused_claims (
    reason TEXT NOT NULL,
    namespace TEXT NOT NULL,
    name TEXT NOT NULL,
    alias_namespace TEXT NOT NULL,
    alias_name TEXT NOT NULL,
    event_seq INTEGER NOT NULL,
    at_ns INTEGER NOT NULL,
    PRIMARY KEY (reason, namespace, name)
) WITHOUT ROWID;
CREATE INDEX refused_claims_by_age ON refused_claims (at_ns);
