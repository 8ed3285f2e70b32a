-- 0 before all
CREATE TABLE schema_migration (
  version bigint NOT NULL,
  name varchar(200) COLLATE "C" NOT NULL,
  checksum varchar(64) COLLATE "C" NOT NULL,
  applied_at bigint NOT NULL,
  app_version varchar(100) COLLATE "C" NOT NULL,
  PRIMARY KEY (version)
) WITH (fillfactor = 70, toast_tuple_target = 8160);
-- 1 commands
CREATE TABLE command (
  command_key varchar(200) COLLATE "C" NOT NULL,
  hash varchar(64) COLLATE "C" NOT NULL,
  answer bytea NOT NULL,
  at bigint NOT NULL,
  PRIMARY KEY (command_key)
);
ALTER TABLE command ALTER COLUMN answer SET STORAGE EXTERNAL;
CREATE INDEX command_at ON command (at);
-- 10 instances
CREATE TABLE instance (
  id bigint NOT NULL,
  version bigint NOT NULL,
  status integer NOT NULL,
  title varchar(40) COLLATE "C" NOT NULL,
  state bytea NOT NULL,
  note text COLLATE "C",
  PRIMARY KEY (id)
) WITH (fillfactor = 70, toast_tuple_target = 8160);
ALTER TABLE instance ALTER COLUMN state SET STORAGE EXTERNAL;
CREATE INDEX instance_open ON instance (status) WHERE status < 5;
CREATE TABLE task (
  id bigint NOT NULL,
  instance bigint NOT NULL,
  assignee bigint,
  name varchar(60) COLLATE "C" NOT NULL,
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
  event bytea,
  PRIMARY KEY (instance, seq)
);
ALTER TABLE history ALTER COLUMN event SET STORAGE EXTERNAL;
-- 11 jobs
CREATE TABLE job (
  id bigint NOT NULL,
  due bigint NOT NULL,
  owner bigint,
  kind varchar(20) COLLATE "C" NOT NULL,
  PRIMARY KEY (id)
);
CREATE INDEX job_due ON job (due) WHERE owner IS NULL;
CREATE UNIQUE INDEX job_kind ON job (kind, id);
-- 12 urgency
ALTER TABLE instance ADD urgent smallint DEFAULT 0 NOT NULL;
CREATE INDEX instance_urgent ON instance (urgent, id);
UPDATE instance SET urgent = 1 WHERE status = 9;
