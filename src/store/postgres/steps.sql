-- Version 2: routes with several steps. A task that has another way expires at the latest when its time at this one is over.
ALTER TABLE notifyhub.task ADD COLUMN another boolean NOT NULL DEFAULT false;
CREATE INDEX task_another ON notifyhub.task (lane) WHERE another;
