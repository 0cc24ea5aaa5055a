-- Version 3: limits that hold for all nodes together. Each has one node that sends within it.
CREATE TABLE notifyhub.limited (
  name text COLLATE "C" PRIMARY KEY,
  node int NOT NULL,
  free timestamptz NOT NULL          -- from when on nothing that another node sent counts any more
) WITH (fillfactor = 50);
