-- Version 4: endpoints that have failed for long.
CREATE TABLE notifyhub.endpoint (
  platform  text COLLATE "C" NOT NULL,
  recipient text COLLATE "C" NOT NULL,  -- empty: the platform has none
  since     bigint NOT NULL,            -- when it began to fail
  disabled  bigint,                     -- since when nothing is sent to it
  why       text,
  PRIMARY KEY (platform, recipient)
);
