SET NOCOUNT ON;
SET XACT_ABORT ON;
DECLARE @held TABLE (m_ int NOT NULL);
DECLARE @applied TABLE (m_ int NOT NULL PRIMARY KEY);
BEGIN TRANSACTION;
INSERT INTO @held SELECT v.m_ FROM OPENJSON(@p2) WITH (m_ int '$[0]', id bigint '$[1]', version bigint '$[2]', state varbinary(max) '$[3]', status int '$[4]') v JOIN instance t WITH (UPDLOCK, ROWLOCK) ON t.id = v.id AND t.version = v.version;
INSERT INTO @applied SELECT v.m_ FROM OPENJSON(@p1) WITH (m_ int '$[0]', guards_ int '$[1]') v WHERE v.guards_ = (SELECT count(*) FROM @held h WHERE h.m_ = v.m_);
DELETE a FROM @applied a JOIN OPENJSON(@p3) WITH (m_ int '$[0]', command_key nvarchar(200) '$[1]', hash nvarchar(64) '$[2]', answer varbinary(max) '$[3]', at bigint '$[4]') v ON v.m_ = a.m_ JOIN command t WITH (UPDLOCK, HOLDLOCK) ON t.command_key = v.command_key COLLATE Latin1_General_100_BIN2;
UPDATE t SET version = v.version + 1, state = v.state, status = v.status FROM instance t JOIN OPENJSON(@p2) WITH (m_ int '$[0]', id bigint '$[1]', version bigint '$[2]', state varbinary(max) '$[3]', status int '$[4]') v ON t.id = v.id JOIN @applied a ON a.m_ = v.m_;
INSERT INTO command (command_key, hash, answer, at) SELECT v.command_key, v.hash, v.answer, v.at FROM OPENJSON(@p3) WITH (m_ int '$[0]', command_key nvarchar(200) '$[1]', hash nvarchar(64) '$[2]', answer varbinary(max) '$[3]', at bigint '$[4]') v JOIN @applied a ON a.m_ = v.m_;
DELETE t FROM task t JOIN OPENJSON(@p4) WITH (m_ int '$[0]', id bigint '$[1]') v ON t.id = v.id JOIN @applied a ON a.m_ = v.m_;
DELETE t FROM task_candidate t JOIN OPENJSON(@p5) WITH (m_ int '$[0]', task bigint '$[1]') v ON t.task = v.task JOIN @applied a ON a.m_ = v.m_;
UPDATE t SET name = v.name, assignee = v.assignee FROM task t JOIN OPENJSON(@p6) WITH (m_ int '$[0]', id bigint '$[1]', name nvarchar(60) '$[2]', assignee bigint '$[3]') v ON t.id = v.id JOIN @applied a ON a.m_ = v.m_;
INSERT INTO history (instance, seq, event) SELECT v.instance, v.seq, v.event FROM OPENJSON(@p7) WITH (m_ int '$[0]', instance bigint '$[1]', seq bigint '$[2]', event varbinary(max) '$[3]') v JOIN @applied a ON a.m_ = v.m_;
INSERT INTO task (id, instance, assignee, name) SELECT v.id, v.instance, v.assignee, v.name FROM OPENJSON(@p8) WITH (m_ int '$[0]', id bigint '$[1]', instance bigint '$[2]', assignee bigint '$[3]', name nvarchar(60) '$[4]') v JOIN @applied a ON a.m_ = v.m_;
INSERT INTO task_candidate (task, principal) SELECT DISTINCT v.task, v.principal FROM OPENJSON(@p9) WITH (m_ int '$[0]', task bigint '$[1]', principal bigint '$[2]') v JOIN @applied a ON a.m_ = v.m_ WHERE NOT EXISTS (SELECT 1 FROM task_candidate t WITH (UPDLOCK, HOLDLOCK) WHERE t.task = v.task AND t.principal = v.principal);
COMMIT;
SELECT m_ FROM @applied;
--   1: string "[[0,1],[1,1]]"
--   2: string "[[0,1,4,\"AAH/\",2],[1,2,6,\"AAH/\",2]]"
--   3: string "[[0,\"u7/a\",\"h1\",\"ZG9uZQ==\",1],[1,\"u7/b\",\"h2\",\"\",1],[1,\"u8/c\",\"h3\",\"\",1]]"
--   4: string "[[0,1001],[1,1002]]"
--   5: string "[[1,9]]"
--   6: string "[[1,9,\"renamed\",null]]"
--   7: string "[[0,1,5,\"ZQ==\"],[1,2,7,\"ZQ==\"]]"
--   8: string "[[0,2001,1,7,\"second\"],[1,2002,2,7,\"second\"]]"
--   9: string "[[0,2001,5],[1,2002,5]]"
