BEGIN;
SELECT id, version FROM doc WHERE id IN (:1, :2, :3, :4) ORDER BY id FOR UPDATE;
--   1: int64 1
--   2: int64 2
--   3: int64 3
--   4: int64 3
SELECT command_key, 0 FROM command WHERE command_key IN (:1, :2, :3, :4);
--   1: string free
--   2: string free too
--   3: string taken
--   4: string taken
UPDATE doc SET version = :1, "NUMBER" = :2 WHERE id = :3;
--   1: []interface {} [5]
--   2: []interface {} [n]
--   3: []interface {} [1]
INSERT INTO command (command_key, hash, answer, at) VALUES (:1, :2, :3, :4);
--   1: []interface {} [free]
--   2: []interface {} [h]
--   3: []interface {} [[97]]
--   4: []interface {} [1000000]
DELETE FROM doc WHERE owner = :1;
--   1: []interface {} [1]
INSERT /*+ IGNORE_ROW_ON_DUPKEY_INDEX(doc (id)) */ INTO doc (id, version, owner, "NUMBER") VALUES (:1, :2, :3, :4);
--   1: []interface {} [11]
--   2: []interface {} [1]
--   3: []interface {} [<nil>]
--   4: []interface {} [new]
COMMIT;
SELECT command_key, hash, answer FROM command WHERE command_key IN (:1, :2);
--   1: string free too
--   2: string taken

BEGIN;
SELECT id FROM doc WHERE owner IS NULL AND "NUMBER" <> :1 ORDER BY id FOR UPDATE SKIP LOCKED;
--   1: string x
SELECT id FROM doc WHERE id IN (:1, :2) AND (owner IS NULL AND "NUMBER" <> :3);
--   1: int64 5
--   2: int64 6
--   3: string x
UPDATE doc SET owner = :1 WHERE id IN (:2, :3);
--   1: int64 7
--   2: int64 5
--   3: int64 6
SELECT id, "NUMBER" FROM doc WHERE id IN (:1, :2);
--   1: int64 5
--   2: int64 6
COMMIT;

SELECT count(*) FROM user_tables WHERE table_name = :1;
--   1: string SCHEMA_MIGRATION
CREATE TABLE schema_lock (id NUMBER(1) PRIMARY KEY);
INSERT INTO schema_lock (id) VALUES (1);
BEGIN;
SELECT id FROM schema_lock FOR UPDATE;
SELECT count(*) FROM user_tables WHERE table_name = :1;
--   1: string SCHEMA_MIGRATION
CREATE TABLE schema_migration (
  version NUMBER(19) NOT NULL,
  name VARCHAR2(200 CHAR),
  checksum VARCHAR2(64 CHAR),
  applied_at NUMBER(19) NOT NULL,
  app_version VARCHAR2(100 CHAR),
  PRIMARY KEY (version)
);
SELECT count(*) FROM user_tables WHERE table_name = :1;
--   1: string SCHEMA_MIGRATION
CREATE TABLE command (
  command_key VARCHAR2(200 CHAR),
  hash VARCHAR2(64 CHAR),
  answer BLOB NOT NULL,
  at NUMBER(19) NOT NULL,
  PRIMARY KEY (command_key)
);
CREATE INDEX command_at ON command (at);
INSERT INTO schema_migration (version, name, checksum, applied_at, app_version) VALUES (:1, :2, :3, :4, :5);
--   1: int64 1
--   2: string commands
--   3: string c9652bb67ceae8309a9a68d0efac2be0
--   4: int64 1000000
--   5: string 
ROLLBACK;
