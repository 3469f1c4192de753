-- The event log of gridgate, version 2.

-- Why nothing may be written to this log: it was copied elsewhere, or a copy of another log is not complete yet.
CREATE TABLE sealed (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    reason   TEXT    NOT NULL
) STRICT;
