-- Version 3: endpoints that have failed for long.

CREATE TABLE endpoint (
  platform  TEXT NOT NULL,
  recipient TEXT NOT NULL,    -- empty: the platform has none
  since     INTEGER NOT NULL, -- when it began to fail
  disabled  INTEGER,          -- since when nothing is sent to it
  why       TEXT,
  PRIMARY KEY (platform, recipient)
) STRICT, WITHOUT ROWID;
