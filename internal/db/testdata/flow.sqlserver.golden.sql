SET NOCOUNT ON;
SET XACT_ABORT ON;
DECLARE @held TABLE (m_ int NOT NULL);
DECLARE @applied TABLE (m_ int NOT NULL PRIMARY KEY);
BEGIN TRANSACTION;
INSERT INTO @held SELECT v.m_ FROM OPENJSON(@p2) WITH (m_ int '$[0]', id bigint '$[1]', version bigint '$[2]', number nvarchar(9) '$[3]') v JOIN doc t WITH (UPDLOCK, ROWLOCK) ON t.id = v.id AND t.version = v.version;
INSERT INTO @applied SELECT v.m_ FROM OPENJSON(@p1) WITH (m_ int '$[0]', guards_ int '$[1]') v WHERE v.guards_ = (SELECT count(*) FROM @held h WHERE h.m_ = v.m_);
DELETE a FROM @applied a JOIN OPENJSON(@p3) WITH (m_ int '$[0]', command_key nvarchar(200) '$[1]', hash nvarchar(64) '$[2]', answer varbinary(max) '$[3]', at bigint '$[4]') v ON v.m_ = a.m_ JOIN command t WITH (UPDLOCK, HOLDLOCK) ON t.command_key = v.command_key COLLATE Latin1_General_100_BIN2;
UPDATE t SET version = v.version + 1, number = v.number FROM doc t JOIN OPENJSON(@p2) WITH (m_ int '$[0]', id bigint '$[1]', version bigint '$[2]', number nvarchar(9) '$[3]') v ON t.id = v.id JOIN @applied a ON a.m_ = v.m_;
INSERT INTO command (command_key, hash, answer, at) SELECT v.command_key, v.hash, v.answer, v.at FROM OPENJSON(@p3) WITH (m_ int '$[0]', command_key nvarchar(200) '$[1]', hash nvarchar(64) '$[2]', answer varbinary(max) '$[3]', at bigint '$[4]') v JOIN @applied a ON a.m_ = v.m_;
DELETE t FROM doc t JOIN OPENJSON(@p4) WITH (m_ int '$[0]', owner bigint '$[1]') v ON t.owner = v.owner JOIN @applied a ON a.m_ = v.m_;
INSERT INTO doc (id, version, owner, number) SELECT DISTINCT v.id, v.version, v.owner, v.number FROM OPENJSON(@p5) WITH (m_ int '$[0]', id bigint '$[1]', version bigint '$[2]', owner bigint '$[3]', number nvarchar(9) '$[4]') v JOIN @applied a ON a.m_ = v.m_ WHERE NOT EXISTS (SELECT 1 FROM doc t WITH (UPDLOCK, HOLDLOCK) WHERE t.id = v.id);
COMMIT;
SELECT m_ FROM @applied;
--   1: string [[0,1],[1,1],[2,1]]
--   2: string [[0,1,4,"n"],[1,2,6,"n"],[2,3,1,"n"]]
--   3: string [[0,"free","h","YQ==",1000000],[1,"free too","h","YQ==",1000000],[2,"taken","h","YQ==",1000000]]
--   4: string [[0,1],[1,2],[2,3]]
--   5: string [[0,11,1,null,"new"],[1,12,1,null,"new"],[2,13,1,null,"new"]]
SELECT command_key, hash, answer FROM command WHERE command_key IN (@p1, @p2);
--   1: string free too
--   2: string taken

UPDATE doc SET owner = @p1 OUTPUT inserted.id, inserted.number WHERE id IN (SELECT TOP (@p2) id FROM doc WITH (UPDLOCK, READPAST, ROWLOCK) WHERE owner IS NULL AND number <> @p3 ORDER BY id);
--   1: int64 7
--   2: int64 3
--   3: string x

SELECT count(*) FROM sys.tables WHERE name = @p1 AND schema_id = SCHEMA_ID();
--   1: string schema_migration
BEGIN TRANSACTION;
DECLARE @got int;
EXEC @got = sp_getapplock @Resource = 'paceline migration', @LockMode = 'Exclusive', @LockOwner = 'Transaction', @LockTimeout = 600000;
IF @got < 0 THROW 50000, 'another process has been migrating the schema for ten minutes', 1;
SELECT count(*) FROM sys.tables WHERE name = @p1 AND schema_id = SCHEMA_ID();
--   1: string schema_migration
CREATE TABLE schema_migration (
  version bigint NOT NULL,
  name nvarchar(200) COLLATE Latin1_General_100_BIN2 NOT NULL,
  checksum nvarchar(64) COLLATE Latin1_General_100_BIN2 NOT NULL,
  applied_at bigint NOT NULL,
  app_version nvarchar(100) COLLATE Latin1_General_100_BIN2 NOT NULL,
  PRIMARY KEY (version)
);
SELECT count(*) FROM sys.tables WHERE name = @p1 AND schema_id = SCHEMA_ID();
--   1: string schema_migration
CREATE TABLE command (
  command_key nvarchar(200) COLLATE Latin1_General_100_BIN2 NOT NULL,
  hash nvarchar(64) COLLATE Latin1_General_100_BIN2 NOT NULL,
  answer varbinary(max) NOT NULL,
  at bigint NOT NULL,
  PRIMARY KEY (command_key)
);
CREATE INDEX command_at ON command (at);
INSERT INTO schema_migration (version, name, checksum, applied_at, app_version) VALUES (@p1, @p2, @p3, @p4, @p5);
--   1: int64 1
--   2: string commands
--   3: string c9652bb67ceae8309a9a68d0efac2be0
--   4: int64 1000000
--   5: string 
COMMIT;
