-- The event log of gridgate, version 1. Times are microseconds since 1970-01-01 UTC; the views at the end show them as text.
-- No personal data: ids, kinds, statuses, times, verification error types and field paths.

-- About the log itself.
CREATE TABLE log_info (
    only_row            INTEGER PRIMARY KEY CHECK (only_row = 1),
    epoch               TEXT    NOT NULL,            -- tells this log from others
    created_at          INTEGER NOT NULL,
    trimmed_to          INTEGER NOT NULL DEFAULT 0,  -- every event after this position is kept
    trimmed_fingerprint INTEGER NOT NULL DEFAULT 0,  -- of the last event that was let go
    trimmed_recorded_at INTEGER                      -- when that was recorded
) STRICT;

-- The logs this one was continued from, and the last position each shares with it.
CREATE TABLE ancestors (
    epoch TEXT    PRIMARY KEY,
    up_to INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What was observed, in the order in which it was recorded.
CREATE TABLE events (
    position             INTEGER PRIMARY KEY AUTOINCREMENT,
    id                   TEXT    NOT NULL,  -- the webhook's id, or one minted for an answer
    customer_id          TEXT    NOT NULL,
    platform_customer_id TEXT,
    verification_id      TEXT,              -- none: the customer's own status
    status               TEXT    NOT NULL,  -- Grid's word
    deleted              INTEGER NOT NULL,  -- 1: the customer is deleted
    problems             TEXT,              -- of a verification: JSON [["MISSING_FIELD", "address.city"], …]
    outcome              TEXT    NOT NULL,  -- change, confirmation, superseded, unresolved
    previous_status      TEXT,              -- what the head said before
    previous_deleted     INTEGER,
    source               TEXT    NOT NULL,  -- webhook, answer, resolver, reconciler
    updated_at           INTEGER,           -- Grid's updatedAt
    sent_at              INTEGER,           -- when Grid sent the webhook
    asked_at             INTEGER,           -- when Grid was asked for the answer
    asked_knowing        INTEGER,           -- the end of the log then
    cause                TEXT,              -- the id of the observation whose doubt the answer settled
    earlier              INTEGER,           -- position of the event before it about the same customer or verification
    recorded_at          INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX events_by_id ON events (id);
-- There is no index by customer: an insert at a random place for each event costs more than everything else together.
-- A customer's events are found from the last one, which its heads name, back through "earlier".

-- What is held to be so now. Kept for ever.
CREATE TABLE heads (
    customer_id          TEXT    NOT NULL,
    verification_id      TEXT    NOT NULL,  -- empty: the customer's own status
    platform_customer_id TEXT,
    status               TEXT    NOT NULL,
    deleted              INTEGER NOT NULL,
    problems             TEXT,
    settled              INTEGER NOT NULL,  -- 1: approved, rejected or deleted
    position             INTEGER NOT NULL,  -- of the change that made it so
    last_event           INTEGER NOT NULL,  -- position of the last event about it, whatever it meant
    observation_id       TEXT    NOT NULL,
    source               TEXT    NOT NULL,
    changed_at           INTEGER NOT NULL,
    recorded_at          INTEGER NOT NULL,
    last_seen            INTEGER NOT NULL,  -- position of the last event that saw it so
    updated_at_first     INTEGER,           -- the stretch of Grid's updatedAt over which it was seen
    updated_at_last      INTEGER,
    sent_at_first        INTEGER,           -- the same by the times webhooks were sent
    sent_at_last         INTEGER,
    told_at              INTEGER,           -- the latest webhook that said so was sent then
    answered_at          INTEGER,           -- Grid was last asked then, and answered so
    answered_updated_at  INTEGER,           -- the latest updatedAt of such an answer
    doubt_position       INTEGER,           -- set while Grid has to be asked: the event that has to be resolved
    doubt_id             TEXT,
    PRIMARY KEY (customer_id, verification_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX heads_in_doubt ON heads (customer_id, verification_id) WHERE doubt_position IS NOT NULL;
CREATE INDEX heads_unsettled ON heads (customer_id, verification_id) WHERE settled = 0;

-- Which customers were ever known under which of the platform's ids.
CREATE TABLE platform_customers (
    platform_customer_id TEXT NOT NULL,
    customer_id          TEXT NOT NULL,
    PRIMARY KEY (platform_customer_id, customer_id)
) STRICT, WITHOUT ROWID;

-- Webhooks about KYC that could not be understood, without their bodies.
CREATE TABLE quarantine (
    id             TEXT    PRIMARY KEY,
    kind           TEXT    NOT NULL,  -- the webhook's type
    sent_at        INTEGER,
    quarantined_at INTEGER NOT NULL,
    reason         TEXT    NOT NULL,
    field_names    TEXT    NOT NULL,  -- JSON list of the names of its data's fields
    customer_id    TEXT
) STRICT, WITHOUT ROWID;

-- Times that are remembered across restarts.
CREATE TABLE bookmarks (
    name TEXT    PRIMARY KEY,
    at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE VIEW events_readable AS
SELECT
    position,
    strftime('%Y-%m-%dT%H:%M:%fZ', recorded_at / 1e6, 'unixepoch') AS recorded_at,
    outcome,
    customer_id,
    platform_customer_id,
    verification_id,
    coalesce(previous_status || ' -> ', '') || status || iif(deleted, ' (deleted)', '') AS status,
    problems,
    source,
    id,
    cause,
    strftime('%Y-%m-%dT%H:%M:%fZ', sent_at / 1e6, 'unixepoch')    AS sent_at,
    strftime('%Y-%m-%dT%H:%M:%fZ', updated_at / 1e6, 'unixepoch') AS updated_at,
    strftime('%Y-%m-%dT%H:%M:%fZ', asked_at / 1e6, 'unixepoch')   AS asked_at
FROM events;

CREATE VIEW heads_readable AS
SELECT
    customer_id,
    platform_customer_id,
    nullif(verification_id, '') AS verification_id,
    status || iif(deleted, ' (deleted)', '') AS status,
    problems,
    strftime('%Y-%m-%dT%H:%M:%fZ', changed_at / 1e6, 'unixepoch') AS changed_at,
    strftime('%Y-%m-%dT%H:%M:%fZ', max(coalesce(told_at, answered_at), coalesce(answered_at, told_at)) / 1e6, 'unixepoch')
        AS confirmed_at,
    position,
    source,
    doubt_id AS in_doubt_because_of
FROM heads;
