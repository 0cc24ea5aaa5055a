-- Version 5: what was sent on lanes with limits that look back further than a minute, by the wall clocks of the nodes.
CREATE TABLE notifyhub.spent (
  lane      text COLLATE "C" NOT NULL,
  recipient text COLLATE "C" NOT NULL,  -- empty: not told apart
  at        bigint NOT NULL,
  tasks     bigint NOT NULL,
  weight    bigint NOT NULL,
  until     bigint NOT NULL,            -- from when on it counts no more
  PRIMARY KEY (lane, recipient, at)
) WITH (fillfactor = 70);
CREATE INDEX spent_until ON notifyhub.spent (until);
