-- Version 4: when an attempt was last written down, which limits look back to.

ALTER TABLE counts ADD COLUMN sent INTEGER NOT NULL DEFAULT 0;
