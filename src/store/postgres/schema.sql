-- Version 1. Times are nanoseconds since 1970-01-01; states are listed in rows.rs. Hot tables hold what is not final; what has
-- ended is moved to `ended`, which is only added to and pruned.

-- What was accepted. Never changes.
CREATE TABLE notifyhub.notification (
  id          uuid PRIMARY KEY,     -- version 7
  tasks       int NOT NULL,
  accepted    bigint NOT NULL,
  not_before  bigint,
  expires     bigint,
  correlation text,
  style       smallint NOT NULL,    -- ten times the format, plus the priority
  kind        text,
  title       text,
  body        text NOT NULL,
  extras      text                  -- JSON
) WITH (autovacuum_vacuum_insert_scale_factor = 0.2);

-- What is not final: one notification for one target.
CREATE TABLE notifyhub.task (
  notification uuid NOT NULL,
  place        int NOT NULL,         -- among the notification's tasks, from 0
  lane         text COLLATE "C" NOT NULL,
  recipient    text,
  state        smallint NOT NULL,
  rank         bigint NOT NULL,      -- the order within its lane
  due          bigint NOT NULL,      -- 0: now
  wake         bigint,               -- when it is due or expires, whichever comes first, while it waits
  expires      bigint,
  node         int,                  -- who has claimed it
  token        bigint,               -- by which claim; after a retry, by which claim it was settled
  cancelled    boolean NOT NULL DEFAULT false,   -- while it was claimed
  started      boolean NOT NULL DEFAULT false,   -- its first byte may have left, and it must not be sent twice
  counted      int NOT NULL DEFAULT 0,           -- attempts that counted
  tries        int NOT NULL DEFAULT 0,           -- all attempts
  crashes      smallint NOT NULL DEFAULT 0,      -- nodes that were lost while they had it
  chain        bigint,               -- tasks with the same one are claimed one after the other
  ord          bigint,               -- in this order
  attempts     text NOT NULL DEFAULT '',         -- JSON, one line each
  PRIMARY KEY (notification, place)
) WITH (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000,
        autovacuum_vacuum_cost_delay = 0, autovacuum_analyze_scale_factor = 0.05, autovacuum_analyze_threshold = 5000);
CREATE INDEX task_open   ON notifyhub.task (lane, rank, notification, place) WHERE state = 2;
CREATE INDEX task_alone  ON notifyhub.task (rank) WHERE state = 4;
CREATE INDEX task_leased ON notifyhub.task (node) WHERE node IS NOT NULL;
CREATE INDEX task_wake   ON notifyhub.task (wake) WHERE wake IS NOT NULL;
CREATE INDEX task_chain  ON notifyhub.task (chain, ord) WHERE chain IS NOT NULL;
CREATE SEQUENCE notifyhub.ord;
-- Tokens of claims. Fresh work is claimed under a number of its own: the node, shifted by 40 bits, and a count.
CREATE SEQUENCE notifyhub.token CACHE 64;

-- What is final.
CREATE TABLE notifyhub.ended (
  notification uuid NOT NULL,
  place        int NOT NULL,
  lane         text COLLATE "C" NOT NULL,
  recipient    text,
  state        smallint NOT NULL,
  rank         bigint NOT NULL,
  dead         text,
  ended        bigint NOT NULL,
  token        bigint,               -- the claim that ended it
  tries        int NOT NULL,
  attempts     text NOT NULL,
  PRIMARY KEY (notification, place)
) WITH (autovacuum_vacuum_insert_scale_factor = 0.2);
CREATE INDEX ended_dead ON notifyhub.ended (notification, place) WHERE state = 11;

-- Of notifications with several tasks: how many are not final.
CREATE TABLE notifyhub.fanout (
  notification uuid PRIMARY KEY,
  open         int NOT NULL
) WITH (fillfactor = 70);

-- Platforms that came as URLs.
CREATE TABLE notifyhub.url (
  platform text PRIMARY KEY,
  url      text NOT NULL,
  trusted  boolean NOT NULL         -- it may lead into private networks
);

-- The last notification of each replace key.
CREATE TABLE notifyhub.replaceable (
  key          text PRIMARY KEY,
  notification uuid NOT NULL
);
CREATE INDEX replaceable_notification ON notifyhub.replaceable (notification);

-- Content that was accepted for a target.
CREATE TABLE notifyhub.recent (
  content      bytea PRIMARY KEY,
  notification uuid NOT NULL,
  expires      bigint NOT NULL
);
CREATE INDEX recent_expires ON notifyhub.recent (expires);

CREATE TABLE notifyhub.idempotency (
  key          text PRIMARY KEY,
  hash         bigint NOT NULL,
  notification uuid NOT NULL,
  expires      bigint NOT NULL
);
CREATE INDEX idempotency_expires ON notifyhub.idempotency (expires);

-- One row per process that uses the database, as long as it lives; its leases end with it. Its number is its epoch: a process
-- that was given up begins anew under another.
CREATE TABLE notifyhub.node (
  id     int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name   text NOT NULL,
  leased bigint NOT NULL DEFAULT 0,  -- tasks it has claimed, as of its last beat
  until  timestamptz NOT NULL        -- when it is given up, by this database's clock
) WITH (fillfactor = 50);

-- How many tasks came to what, by who counted it: rows of one node and part are written by one connection, so that nobody waits
-- for another's count. What is gone is added up under node 0.
CREATE TABLE notifyhub.tally (
  node      int NOT NULL,
  part      smallint NOT NULL,
  accepted  bigint NOT NULL DEFAULT 0,
  delivered bigint NOT NULL DEFAULT 0,
  dead      bigint NOT NULL DEFAULT 0,
  cancelled bigint NOT NULL DEFAULT 0,
  expired   bigint NOT NULL DEFAULT 0,
  stale     bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);
CREATE INDEX tally_node ON notifyhub.tally (node, part);
