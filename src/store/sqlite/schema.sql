-- Version 1. Times are nanoseconds since 1970-01-01; states are listed in rows.rs.

-- What was accepted. Never changes.
CREATE TABLE notification (
  id          BLOB PRIMARY KEY,   -- UUID version 7
  first       INTEGER NOT NULL,   -- its first task; the others follow it
  tasks       INTEGER NOT NULL,
  accepted    INTEGER NOT NULL,
  not_before  INTEGER,
  expires     INTEGER,
  correlation TEXT,
  style       INTEGER NOT NULL,   -- ten times the format, plus the priority
  kind        TEXT,
  title       TEXT,
  body        TEXT NOT NULL,
  extras      TEXT,               -- JSON
  checksum    INTEGER NOT NULL    -- CRC-32 of what is said
) STRICT, WITHOUT ROWID;

-- One notification for one target. A row is as long when it is accepted as when it is ended after one attempt: ending it
-- moves nothing.
CREATE TABLE task (
  seq          INTEGER PRIMARY KEY,
  notification BLOB NOT NULL,
  place        INTEGER NOT NULL,  -- among the notification's tasks, from 0
  lane         INTEGER NOT NULL,
  recipient    TEXT,
  state        INTEGER NOT NULL,
  rank         INTEGER NOT NULL,  -- the order within its lane
  due          INTEGER NOT NULL,  -- 0: now
  wake         INTEGER NOT NULL,  -- when it is due or expires, whichever comes first, while it waits; 0: never
  counted      INTEGER NOT NULL DEFAULT 0,  -- attempts that counted
  tries        INTEGER NOT NULL DEFAULT 0,  -- all attempts
  crashes      INTEGER NOT NULL DEFAULT 0,  -- processes that died while they had it
  dead         TEXT,
  ended        INTEGER NOT NULL,  -- before it has: when it was accepted
  attempts     TEXT NOT NULL      -- JSON, one line each, and room for the first
) STRICT;
CREATE INDEX task_open  ON task (state, lane, rank) WHERE state = 2 OR state = 4;
CREATE INDEX task_timed ON task (wake)              WHERE wake > 0;
CREATE INDEX task_dead  ON task (state)             WHERE state = 11;

CREATE TABLE lane (
  id       INTEGER PRIMARY KEY,
  platform TEXT NOT NULL,
  part     TEXT
) STRICT;

-- Platforms that came as URLs.
CREATE TABLE url (
  platform TEXT PRIMARY KEY,
  url      TEXT NOT NULL,
  trusted  INTEGER NOT NULL   -- 1: it may lead into private networks
) STRICT, WITHOUT ROWID;

-- Unfinished tasks that are claimed one after the other: those of one platform and order key.
CREATE TABLE chain (
  seq INTEGER PRIMARY KEY,
  key INTEGER NOT NULL
) STRICT;
CREATE INDEX chain_key ON chain (key, seq);

-- The last notification of each replace key.
CREATE TABLE replaceable (
  key          TEXT PRIMARY KEY,
  notification BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX replaceable_notification ON replaceable (notification);

-- Content that was accepted for a target.
CREATE TABLE recent (
  content      BLOB PRIMARY KEY,
  notification BLOB NOT NULL,
  expires      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX recent_expires ON recent (expires);

CREATE TABLE idempotency (
  key          TEXT PRIMARY KEY,
  hash         INTEGER NOT NULL,
  notification BLOB NOT NULL,
  expires      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_expires ON idempotency (expires);

-- What this process has claimed: one row per group, a list of task numbers.
CREATE TABLE claim (
  batch INTEGER PRIMARY KEY,
  tasks BLOB NOT NULL
) STRICT;

-- Claimed tasks whose first byte may have left, and that must not be sent twice.
CREATE TABLE begun (
  seq INTEGER PRIMARY KEY
) STRICT;

-- One row: how many tasks are in which state, and how often the file was opened.
CREATE TABLE counts (
  one       INTEGER PRIMARY KEY CHECK (one = 1),
  epoch     INTEGER NOT NULL,
  accepted  INTEGER NOT NULL,
  waiting   INTEGER NOT NULL,
  delivered INTEGER NOT NULL,
  dead      INTEGER NOT NULL,
  cancelled INTEGER NOT NULL,
  expired   INTEGER NOT NULL,
  stale     INTEGER NOT NULL
) STRICT;
INSERT INTO counts VALUES (1, 0, 0, 0, 0, 0, 0, 0, 0);
