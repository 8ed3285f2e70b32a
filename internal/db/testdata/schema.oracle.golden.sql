-- 0 before all
CREATE TABLE schema_migration (
  version NUMBER(19) NOT NULL,
  name VARCHAR2(200 CHAR),
  checksum VARCHAR2(64 CHAR),
  applied_at NUMBER(19) NOT NULL,
  app_version VARCHAR2(100 CHAR),
  PRIMARY KEY (version)
);
-- 1 commands
CREATE TABLE command (
  command_key VARCHAR2(200 CHAR),
  hash VARCHAR2(64 CHAR),
  answer BLOB NOT NULL,
  at NUMBER(19) NOT NULL,
  PRIMARY KEY (command_key)
);
CREATE INDEX command_at ON command (at);
-- 10 instances
CREATE TABLE instance (
  id NUMBER(19) NOT NULL,
  version NUMBER(19) NOT NULL,
  status NUMBER(10) NOT NULL,
  title VARCHAR2(40 CHAR),
  state BLOB NOT NULL,
  note CLOB,
  PRIMARY KEY (id)
);
CREATE INDEX instance_open ON instance (status);
CREATE TABLE task (
  id NUMBER(19) NOT NULL,
  instance NUMBER(19) NOT NULL,
  assignee NUMBER(19),
  name VARCHAR2(60 CHAR),
  PRIMARY KEY (id)
);
CREATE INDEX task_instance ON task (instance);
CREATE TABLE task_candidate (
  task NUMBER(19) NOT NULL,
  principal NUMBER(19) NOT NULL,
  PRIMARY KEY (task, principal)
);
CREATE TABLE history (
  instance NUMBER(19) NOT NULL,
  seq NUMBER(19) NOT NULL,
  event BLOB,
  PRIMARY KEY (instance, seq)
);
-- 11 jobs
CREATE TABLE job (
  id NUMBER(19) NOT NULL,
  due NUMBER(19) NOT NULL,
  owner NUMBER(19),
  kind VARCHAR2(20 CHAR),
  PRIMARY KEY (id)
);
CREATE INDEX job_due ON job (due);
CREATE UNIQUE INDEX job_kind ON job (kind, id);
-- 12 urgency
ALTER TABLE instance ADD urgent NUMBER(5) DEFAULT 0 NOT NULL;
CREATE INDEX instance_urgent ON instance (urgent, id);
UPDATE instance SET urgent = 1 WHERE status = 9;
