-- Version 8: mute-all may end by itself; some roles are passed over by it, and by slow mode.

ALTER TABLE room_switches ADD COLUMN mute_until INTEGER;
-- JSON arrays of roles.
ALTER TABLE room_switches ADD COLUMN mute_roles TEXT NOT NULL DEFAULT '["Manager","Owner"]';
ALTER TABLE room_switches ADD COLUMN slow_roles TEXT NOT NULL DEFAULT '["Manager","Owner"]';
