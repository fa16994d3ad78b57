-- The outbox: records wait here from the moment they are acknowledged to a controller until the
-- broker's PUBACK. `outbox_readable` is for people with the sqlite3 shell.

CREATE TABLE session (            -- one boot of one unit; (unit, boot, sequence) names a record
    id    INTEGER PRIMARY KEY,
    unit  TEXT    NOT NULL,       -- 16 hex digits, or the gateway's name
    boot  INTEGER NOT NULL,
    UNIQUE (unit, boot)
);

CREATE TABLE place (              -- where the unit was when the record arrived
    id    INTEGER PRIMARY KEY,
    slot  TEXT    NOT NULL,
    kind  TEXT    NOT NULL,
    UNIQUE (slot, kind)
);

CREATE TABLE outbox (
    id          INTEGER PRIMARY KEY,  -- order of arrival
    session     INTEGER NOT NULL REFERENCES session (id),
    place       INTEGER NOT NULL REFERENCES place (id),
    sequence    INTEGER NOT NULL,
    priority    INTEGER NOT NULL,     -- 0 routine, 1 alarm, 2 audit
    received_ms INTEGER NOT NULL,     -- Unix time
    type        INTEGER NOT NULL,     -- layout of body; 0 = JSON made by the gateway
    quality     INTEGER NOT NULL,
    time_ms     INTEGER NOT NULL,     -- the controller's own time, Unix
    body        BLOB    NOT NULL,
    UNIQUE (session, sequence)
);
CREATE INDEX outbox_urgent ON outbox (id) WHERE priority > 0;

CREATE TABLE ledger (             -- what became of which sequence numbers
    session INTEGER NOT NULL REFERENCES session (id),
    fate    TEXT    NOT NULL,     -- received | dropped:CAUSE | gap:CAUSE
    first   INTEGER NOT NULL,
    last    INTEGER NOT NULL,
    PRIMARY KEY (session, fate, first)
) WITHOUT ROWID;

CREATE TABLE counter (            -- received = stored + duplicates + every dropped:CAUSE
    name  TEXT    PRIMARY KEY,    -- and stored = delivered + rows in outbox
    value INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE command (            -- ids seen, and the one final result of each
    id             TEXT    PRIMARY KEY,
    topic          TEXT    NOT NULL,
    verb           TEXT    NOT NULL,
    actor          TEXT    NOT NULL,
    reason         TEXT    NOT NULL,
    received_ms    INTEGER NOT NULL,
    not_after_ms   INTEGER NOT NULL,
    response_topic TEXT,
    correlation    BLOB,
    result         BLOB,              -- JSON of the final result; NULL while it is open
    answered       INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX command_unanswered ON command (received_ms) WHERE answered = 0;
CREATE INDEX command_age ON command (not_after_ms);

CREATE VIEW outbox_readable AS
    SELECT outbox.id, slot, kind, unit, boot, sequence, priority,
           datetime(received_ms / 1000, 'unixepoch') AS received,
           datetime(time_ms / 1000, 'unixepoch') AS time, type, quality, hex(body) AS body
    FROM outbox JOIN session ON session.id = session JOIN place ON place.id = place
    ORDER BY outbox.id;
