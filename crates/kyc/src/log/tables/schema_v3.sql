-- The event log of gridgate, version 3.

-- Where the times of recording step back: the first event of each stretch that begins earlier than the one before ended,
-- because the clock was ahead until then. Within a stretch they never go back.
CREATE TABLE time_steps (
    position INTEGER PRIMARY KEY
) STRICT;
