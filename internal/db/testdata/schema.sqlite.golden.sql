-- 0 before all
CREATE TABLE schema_migration (
  version INTEGER NOT NULL,
  name TEXT NOT NULL,
  checksum TEXT NOT NULL,
  applied_at INTEGER NOT NULL,
  app_version TEXT NOT NULL,
  PRIMARY KEY (version)
) STRICT;
-- 1 commands
CREATE TABLE command (
  command_key TEXT NOT NULL,
  hash TEXT NOT NULL,
  answer BLOB NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY (command_key)
) STRICT;
CREATE INDEX command_at ON command (at);
-- 10 instances
CREATE TABLE instance (
  id INTEGER NOT NULL,
  version INTEGER NOT NULL,
  status INTEGER NOT NULL,
  title TEXT NOT NULL,
  state BLOB NOT NULL,
  note TEXT,
  PRIMARY KEY (id)
) STRICT;
CREATE INDEX instance_open ON instance (status) WHERE status < 5;
CREATE TABLE task (
  id INTEGER NOT NULL,
  instance INTEGER NOT NULL,
  assignee INTEGER,
  name TEXT NOT NULL,
  PRIMARY KEY (id)
) STRICT;
CREATE INDEX task_instance ON task (instance);
CREATE TABLE task_candidate (
  task INTEGER NOT NULL,
  principal INTEGER NOT NULL,
  PRIMARY KEY (task, principal)
) STRICT, WITHOUT ROWID;
CREATE TABLE history (
  instance INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  event BLOB,
  PRIMARY KEY (instance, seq)
) STRICT;
-- 11 jobs
CREATE TABLE job (
  id INTEGER NOT NULL,
  due INTEGER NOT NULL,
  owner INTEGER,
  kind TEXT NOT NULL,
  PRIMARY KEY (id)
) STRICT;
CREATE INDEX job_due ON job (due) WHERE owner IS NULL;
CREATE UNIQUE INDEX job_kind ON job (kind, id);
-- 12 urgency
ALTER TABLE instance ADD urgent INTEGER DEFAULT 0 NOT NULL;
CREATE INDEX instance_urgent ON instance (urgent, id);
UPDATE instance SET urgent = 1 WHERE status = 9;
