-- Version 9: whom the app's hook named as the only ones to get a message.

-- JSON array of client ids; null for everybody in the room, as nearly always.
ALTER TABLE messages ADD COLUMN audience TEXT;
