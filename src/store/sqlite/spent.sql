-- Version 5: what was sent on lanes with limits that look back further than a minute.

CREATE TABLE spent (
  lane      INTEGER NOT NULL,
  recipient TEXT NOT NULL,     -- empty: not told apart
  at        INTEGER NOT NULL,
  tasks     INTEGER NOT NULL,
  weight    INTEGER NOT NULL,
  until     INTEGER NOT NULL,  -- from when on it counts no more
  PRIMARY KEY (lane, recipient, at)
) STRICT, WITHOUT ROWID;
CREATE INDEX spent_until ON spent (until);
