-- Version 4: roles, and what rooms and apps take from clients.

-- Lists of a room: 1 silenced, 2 silenced for a time, 3 blocked.
CREATE TABLE restrictions (
    room   INTEGER NOT NULL,
    list   INTEGER NOT NULL,
    client TEXT NOT NULL,
    -- When it ends; null when it does not.
    until  INTEGER,
    PRIMARY KEY (room, list, client)
) STRICT, WITHOUT ROWID;
CREATE INDEX restrictions_by_end ON restrictions (until) WHERE until IS NOT NULL;

CREATE TABLE roles (
    room       INTEGER NOT NULL,
    client     TEXT NOT NULL,
    -- 0 member, 1 manager, 2 owner.
    role       INTEGER NOT NULL,
    -- `objectId` of the row.
    id         TEXT NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (room, client)
) STRICT, WITHOUT ROWID;

-- What holds for all in a room; no row, no such thing.
CREATE TABLE room_switches (
    room      INTEGER PRIMARY KEY,
    mute_all  INTEGER NOT NULL,
    -- JSON array of client ids that may send though all are muted.
    allowed   TEXT NOT NULL,
    -- Seconds between two messages of a client; 0 = any number.
    slow_mode INTEGER NOT NULL,
    frozen    INTEGER NOT NULL
) STRICT;

CREATE TRIGGER rules_go AFTER DELETE ON rooms BEGIN
    DELETE FROM restrictions WHERE room = old.row;
    DELETE FROM roles WHERE room = old.row;
    DELETE FROM room_switches WHERE room = old.row;
END;

-- Rooms that a client wants nobody to put it into.
CREATE TABLE refusals (
    app    INTEGER NOT NULL,
    client TEXT NOT NULL,
    room   TEXT NOT NULL,
    PRIMARY KEY (app, client, room)
) STRICT, WITHOUT ROWID;

-- Who may not log in to an app.
CREATE TABLE bans (
    app     INTEGER NOT NULL,
    -- 1 a client id, 2 a network.
    kind    INTEGER NOT NULL,
    subject TEXT NOT NULL,
    -- When it ends; null when it does not.
    until   INTEGER,
    reason  TEXT,
    made_at INTEGER NOT NULL,
    PRIMARY KEY (app, kind, subject)
) STRICT, WITHOUT ROWID;
CREATE INDEX bans_by_end ON bans (until) WHERE until IS NOT NULL;

-- Wills of a client that is silenced or blocked are discarded.
CREATE INDEX wills_by_sender ON wills (app, sender);
