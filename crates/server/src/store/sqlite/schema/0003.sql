-- Version 3: where messages came from, history of a whole app and of one sender, who logged in on which day.

-- Text of an IP address; null when it is not known.
ALTER TABLE messages ADD COLUMN address TEXT;
ALTER TABLE wills ADD COLUMN address TEXT;

-- With the sender, so that one sender's messages are found without reading the others. An index by sender would make
-- every append write to a page of its own: measured, half as much work again.
CREATE INDEX messages_by_time ON messages (app, timestamp, room, number, sender);

-- Client ids that logged in on a day, as a hash: they are only counted.
CREATE TABLE visitors (
    -- Days since 1970, in UTC.
    day    INTEGER NOT NULL,
    app    INTEGER NOT NULL,
    client INTEGER NOT NULL,
    PRIMARY KEY (day, app, client)
) STRICT, WITHOUT ROWID;
