-- The journal: every command with its results, every motion with its cause. Nothing here is ever
-- changed or deleted; `entry` is JSON in canonical form, `hash` is SHA-256 over the hash of the
-- entry before (32 zero bytes for the first) and the bytes of `entry`.

CREATE TABLE journal (
    id    INTEGER PRIMARY KEY,    -- 1, 2, 3 ... without a hole; also in the entry, as n
    entry TEXT    NOT NULL,
    hash  BLOB    NOT NULL
);

-- Which command a motion belongs to: transactions are counted anew now and then, the latest counts.
CREATE INDEX journal_transaction
    ON journal (json_extract(entry, '$.slot'), json_extract(entry, '$.transaction'))
    WHERE json_extract(entry, '$.what') = 'command';

-- The newest entries for people with the sqlite3 shell.
CREATE VIEW journal_readable AS
    SELECT id, json_extract(entry, '$.at') AS at, json_extract(entry, '$.what') AS what,
           json_extract(entry, '$.slot') AS slot, json_extract(entry, '$.actor') AS actor, entry
    FROM journal ORDER BY id DESC;
