-- Version 6: who did what.

CREATE TABLE audit (
    row     INTEGER PRIMARY KEY,
    app     INTEGER NOT NULL,
    at      INTEGER NOT NULL,
    -- 1 the master key, 2 a client, 3 the app's key, 4 nobody.
    actor   INTEGER NOT NULL,
    -- Of a client: its id, and its role in the room.
    by      TEXT,
    role    TEXT,
    address TEXT,
    action  TEXT NOT NULL,
    room    TEXT,
    message TEXT,
    -- JSON array of client ids; null when it was about nobody.
    clients TEXT,
    -- JSON object.
    details TEXT NOT NULL
) STRICT;
CREATE INDEX audit_by_actor ON audit (app, actor, at);
CREATE INDEX audit_by_time ON audit (app, at);
CREATE INDEX audit_by_client ON audit (app, by, at) WHERE by IS NOT NULL;
CREATE INDEX audit_by_action ON audit (app, action, at);
CREATE INDEX audit_by_room ON audit (app, room, at) WHERE room IS NOT NULL;

-- Whom entries are about.
CREATE TABLE audit_clients (
    app    INTEGER NOT NULL,
    client TEXT NOT NULL,
    at     INTEGER NOT NULL,
    entry  INTEGER NOT NULL,
    PRIMARY KEY (app, client, at, entry)
) STRICT, WITHOUT ROWID;

-- How many entries there are of each actor, because counting them would take long.
CREATE TABLE audit_counts (
    app     INTEGER NOT NULL,
    actor   INTEGER NOT NULL,
    entries INTEGER NOT NULL,
    PRIMARY KEY (app, actor)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER audit_comes AFTER INSERT ON audit BEGIN
    INSERT INTO audit_counts (app, actor, entries) VALUES (new.app, new.actor, 1)
        ON CONFLICT (app, actor) DO UPDATE SET entries = entries + 1;
    INSERT OR IGNORE INTO audit_clients (app, client, at, entry)
        SELECT new.app, value, new.at, new.row FROM json_each(new.clients);
END;
CREATE TRIGGER audit_goes AFTER DELETE ON audit BEGIN
    UPDATE audit_counts SET entries = entries - 1 WHERE app = old.app AND actor = old.actor;
    DELETE FROM audit_clients WHERE (app, client, at, entry) IN
        (SELECT old.app, value, old.at, old.row FROM json_each(old.clients));
END;
