-- 0 before all
CREATE TABLE schema_migration (
  version bigint NOT NULL,
  name nvarchar(200) COLLATE Latin1_General_100_BIN2 NOT NULL,
  checksum nvarchar(64) COLLATE Latin1_General_100_BIN2 NOT NULL,
  applied_at bigint NOT NULL,
  app_version nvarchar(100) COLLATE Latin1_General_100_BIN2 NOT NULL,
  PRIMARY KEY (version)
);
-- 1 commands
CREATE TABLE command (
  command_key nvarchar(200) COLLATE Latin1_General_100_BIN2 NOT NULL,
  hash nvarchar(64) COLLATE Latin1_General_100_BIN2 NOT NULL,
  answer varbinary(max) NOT NULL,
  at bigint NOT NULL,
  PRIMARY KEY (command_key)
);
CREATE INDEX command_at ON command (at);
-- 10 instances
CREATE TABLE instance (
  id bigint NOT NULL,
  version bigint NOT NULL,
  status int NOT NULL,
  title nvarchar(40) COLLATE Latin1_General_100_BIN2 NOT NULL,
  state varbinary(max) NOT NULL,
  note nvarchar(max) COLLATE Latin1_General_100_BIN2,
  PRIMARY KEY (id)
);
CREATE INDEX instance_open ON instance (status) WHERE status < 5;
CREATE TABLE task (
  id bigint NOT NULL,
  instance bigint NOT NULL,
  assignee bigint,
  name nvarchar(60) COLLATE Latin1_General_100_BIN2 NOT NULL,
  PRIMARY KEY (id)
);
CREATE INDEX task_instance ON task (instance);
CREATE TABLE task_candidate (
  task bigint NOT NULL,
  principal bigint NOT NULL,
  PRIMARY KEY (task, principal)
);
CREATE TABLE history (
  instance bigint NOT NULL,
  seq bigint NOT NULL,
  event varbinary(max),
  PRIMARY KEY (instance, seq)
);
-- 11 jobs
CREATE TABLE job (
  id bigint NOT NULL,
  due bigint NOT NULL,
  owner bigint,
  kind nvarchar(20) COLLATE Latin1_General_100_BIN2 NOT NULL,
  PRIMARY KEY (id)
);
CREATE INDEX job_due ON job (due) WHERE owner IS NULL;
CREATE UNIQUE INDEX job_kind ON job (kind, id);
-- 12 urgency
ALTER TABLE instance ADD urgent smallint DEFAULT 0 NOT NULL;
CREATE INDEX instance_urgent ON instance (urgent, id);
UPDATE instance SET urgent = 1 WHERE status = 9;
