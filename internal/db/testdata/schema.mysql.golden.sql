-- 0 before all
CREATE TABLE schema_migration (
  version bigint NOT NULL,
  name varchar(200) NOT NULL,
  checksum varchar(64) NOT NULL,
  applied_at bigint NOT NULL,
  app_version varchar(100) NOT NULL,
  PRIMARY KEY (version)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 /*M! COLLATE=utf8mb4_nopad_bin */ /*!80017 COLLATE=utf8mb4_0900_bin */;
-- 1 commands
CREATE TABLE command (
  command_key varchar(200) NOT NULL,
  hash varchar(64) NOT NULL,
  answer longblob NOT NULL,
  at bigint NOT NULL,
  PRIMARY KEY (command_key)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 /*M! COLLATE=utf8mb4_nopad_bin */ /*!80017 COLLATE=utf8mb4_0900_bin */;
CREATE INDEX command_at ON command (at);
-- 10 instances
CREATE TABLE instance (
  id bigint NOT NULL,
  version bigint NOT NULL,
  status int NOT NULL,
  title varchar(40) NOT NULL,
  state longblob NOT NULL,
  note longtext,
  PRIMARY KEY (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 /*M! COLLATE=utf8mb4_nopad_bin */ /*!80017 COLLATE=utf8mb4_0900_bin */;
CREATE INDEX instance_open ON instance (status);
CREATE TABLE task (
  id bigint NOT NULL,
  instance bigint NOT NULL,
  assignee bigint,
  name varchar(60) NOT NULL,
  PRIMARY KEY (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 /*M! COLLATE=utf8mb4_nopad_bin */ /*!80017 COLLATE=utf8mb4_0900_bin */;
CREATE INDEX task_instance ON task (instance);
CREATE TABLE task_candidate (
  task bigint NOT NULL,
  principal bigint NOT NULL,
  PRIMARY KEY (task, principal)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 /*M! COLLATE=utf8mb4_nopad_bin */ /*!80017 COLLATE=utf8mb4_0900_bin */;
CREATE TABLE history (
  instance bigint NOT NULL,
  seq bigint NOT NULL,
  event longblob,
  PRIMARY KEY (instance, seq)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 /*M! COLLATE=utf8mb4_nopad_bin */ /*!80017 COLLATE=utf8mb4_0900_bin */;
-- 11 jobs
CREATE TABLE job (
  id bigint NOT NULL,
  due bigint NOT NULL,
  owner bigint,
  kind varchar(20) NOT NULL,
  PRIMARY KEY (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 /*M! COLLATE=utf8mb4_nopad_bin */ /*!80017 COLLATE=utf8mb4_0900_bin */;
CREATE INDEX job_due ON job (due);
CREATE UNIQUE INDEX job_kind ON job (kind, id);
-- 12 urgency
ALTER TABLE instance ADD urgent smallint DEFAULT 0 NOT NULL;
CREATE INDEX instance_urgent ON instance (urgent, id);
UPDATE instance SET urgent = 1 WHERE status = 9;
