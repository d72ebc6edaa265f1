-- Version 5: the words that an app does not want to see.

CREATE TABLE word_lists (
    app   INTEGER PRIMARY KEY,
    -- One word in a line.
    words TEXT NOT NULL
) STRICT;
