-- Version 2: routes with several steps.

-- Unfinished tasks that have another way after the one they are at, and until when they may wait there.
CREATE TABLE step (
  seq   INTEGER PRIMARY KEY,
  until INTEGER NOT NULL
) STRICT;
