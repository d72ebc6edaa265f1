-- Version 1: apps, rooms, messages, sessions, wills, keys.

CREATE TABLE apps (
    row INTEGER PRIMARY KEY,
    id  TEXT NOT NULL UNIQUE
) STRICT;

-- Row numbers are never used again: messages of a removed room wait for the sweep under theirs.
CREATE TABLE rooms (
    row         INTEGER PRIMARY KEY AUTOINCREMENT,
    app         INTEGER NOT NULL,
    id          TEXT NOT NULL,
    creator     TEXT NOT NULL,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    imported_at INTEGER,
    -- The `name` in `data` when it is text; an empty blob when it is something else; null when there is none.
    name        ANY,
    data        TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX rooms_by_id ON rooms (app, id);
CREATE INDEX rooms_by_name ON rooms (app, name);
CREATE INDEX rooms_by_update ON rooms (app, updated_at);
CREATE INDEX rooms_by_creation ON rooms (app, created_at);

-- What changes with every message, apart from `rooms` so that its rows stay small. One for each room.
CREATE TABLE heads (
    room            INTEGER PRIMARY KEY,
    app             INTEGER NOT NULL,
    -- The newest live message; 0 when there was none.
    number          INTEGER NOT NULL,
    timestamp       INTEGER NOT NULL,
    last_message_at INTEGER,
    -- The oldest live message that is kept; null when there is none.
    oldest_at       INTEGER,
    patched_at      INTEGER NOT NULL,
    -- How many messages were ever imported.
    imported        INTEGER NOT NULL
) STRICT;
CREATE INDEX heads_by_message ON heads (app, last_message_at);
CREATE INDEX heads_by_oldest ON heads (oldest_at) WHERE oldest_at IS NOT NULL;

CREATE TABLE messages (
    room        INTEGER NOT NULL,
    timestamp   INTEGER NOT NULL,
    -- Live: from 1, without gaps. Imported: negative, ascending in the order of import.
    number      INTEGER NOT NULL,
    app         INTEGER NOT NULL,
    id          TEXT NOT NULL,
    sender      TEXT NOT NULL,
    -- The sending session; null when there was none, or when it is not known.
    session     BLOB,
    level       INTEGER NOT NULL,
    lctype      INTEGER,
    mention_all INTEGER NOT NULL,
    -- JSON array of client ids; null when there is none.
    mentions    TEXT,
    patched_at  INTEGER,
    recalled    INTEGER NOT NULL,
    imported_at INTEGER,
    -- TEXT or BLOB, as it was sent.
    body        ANY NOT NULL,
    PRIMARY KEY (room, timestamp, number)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX messages_by_id ON messages (app, id);
CREATE INDEX messages_by_number ON messages (room, number) WHERE number > 0;
CREATE INDEX messages_high ON messages (room, number) WHERE level = 1 AND number > 0;
CREATE INDEX messages_by_type ON messages (room, lctype, timestamp, number) WHERE lctype IS NOT NULL;
CREATE INDEX messages_patched ON messages (room, patched_at) WHERE patched_at IS NOT NULL;
CREATE INDEX messages_imported ON messages (imported_at) WHERE imported_at IS NOT NULL;

-- Rooms that are gone but for their messages.
CREATE TABLE doomed (
    room INTEGER PRIMARY KEY
) STRICT;

-- Marks of clients for 30 minutes. The row number follows time, so that the sweep takes from the front.
CREATE TABLE dedupe (
    row       INTEGER PRIMARY KEY,
    app       INTEGER NOT NULL,
    sender    TEXT NOT NULL,
    mark      TEXT NOT NULL,
    id        TEXT NOT NULL,
    timestamp INTEGER NOT NULL,
    stored_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX dedupe_by_mark ON dedupe (app, sender, mark);

CREATE TABLE sessions (
    app          INTEGER NOT NULL,
    session      BLOB NOT NULL,
    client       TEXT NOT NULL,
    tag          TEXT,
    device_id    TEXT,
    device_token TEXT,
    -- The row of the room; it may be gone.
    room         INTEGER,
    node         TEXT NOT NULL,
    epoch        INTEGER NOT NULL,
    claimed_at   INTEGER NOT NULL,
    dropped_at   INTEGER,
    -- 1 when another login was given the room since.
    taken        INTEGER NOT NULL DEFAULT 0,
    -- HIGH messages are due after this number, or from this time on when there is one.
    gap_after    INTEGER NOT NULL,
    gap_since    INTEGER,
    -- In this order, so that the planner does not take the app alone for a narrow choice.
    PRIMARY KEY (session, app)
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_by_client ON sessions (app, client);
CREATE INDEX sessions_by_node ON sessions (node);
CREATE INDEX sessions_dropped ON sessions (dropped_at) WHERE dropped_at IS NOT NULL;

CREATE TABLE wills (
    row         INTEGER PRIMARY KEY,
    app         INTEGER NOT NULL,
    session     BLOB NOT NULL,
    room        TEXT NOT NULL,
    id          TEXT NOT NULL,
    sender      TEXT NOT NULL,
    level       INTEGER NOT NULL,
    lctype      INTEGER,
    mention_all INTEGER NOT NULL,
    mentions    TEXT,
    mark        TEXT,
    transient   INTEGER NOT NULL,
    body        ANY NOT NULL
) STRICT;
CREATE INDEX wills_by_session ON wills (app, session);

CREATE TABLE revocations (
    row        INTEGER PRIMARY KEY,
    app        INTEGER NOT NULL,
    session    BLOB,
    client     TEXT,
    -- Tokens of the client made before this are void.
    before     INTEGER,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX revocations_by_session ON revocations (app, session) WHERE session IS NOT NULL;
CREATE UNIQUE INDEX revocations_by_client ON revocations (app, client) WHERE client IS NOT NULL;
CREATE INDEX revocations_by_expiry ON revocations (expires_at);

CREATE TABLE token_keys (
    row      INTEGER PRIMARY KEY,
    key      BLOB NOT NULL,
    made_at  INTEGER NOT NULL
) STRICT;

CREATE TABLE nodes (
    id        TEXT PRIMARY KEY,
    last_beat INTEGER NOT NULL
) STRICT;

CREATE TABLE counters (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT;
INSERT INTO counters (name, value) VALUES ('epoch', 0);
