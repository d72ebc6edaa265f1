-- Version 2: what live sessions have confirmed, noted once a second.

-- A gap begins behind a number, always.
ALTER TABLE sessions DROP COLUMN gap_since;

-- Apart from `sessions`, whose rows are long: in a busy room all of these change every second.
CREATE TABLE positions (
    session BLOB NOT NULL,
    app     INTEGER NOT NULL,
    -- Of the stay that this is about; that of an earlier stay says nothing.
    epoch   INTEGER NOT NULL,
    -- HIGH messages of the room up to this number have arrived.
    number  INTEGER NOT NULL,
    PRIMARY KEY (session, app)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER positions_go AFTER DELETE ON sessions BEGIN
    DELETE FROM positions WHERE session = old.session AND app = old.app;
END;
