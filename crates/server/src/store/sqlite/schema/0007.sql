-- Version 7: what messages were before they were filtered, edited or recalled.

-- Row numbers follow time, so that the sweep takes from the front.
CREATE TABLE originals (
    row     INTEGER PRIMARY KEY,
    app     INTEGER NOT NULL,
    -- By id: it outlives room and message.
    room    TEXT NOT NULL,
    message TEXT NOT NULL,
    sender  TEXT NOT NULL,
    sent_at INTEGER NOT NULL,
    address TEXT,
    -- 1 filtered, 2 edited, 3 recalled.
    cause   INTEGER NOT NULL,
    kept_at INTEGER NOT NULL,
    body    ANY NOT NULL
) STRICT;
CREATE INDEX originals_by_message ON originals (app, message);
CREATE INDEX originals_by_sender ON originals (app, sender);

-- Of a will that the word filter changed.
ALTER TABLE wills ADD COLUMN original ANY;

-- Messages of an app before this place have no address any more. An index of those that have one would cost every append.
CREATE TABLE addresses_swept (
    app       INTEGER PRIMARY KEY,
    timestamp INTEGER NOT NULL,
    room      INTEGER NOT NULL,
    number    INTEGER NOT NULL
) STRICT;
