SELECT id, version FROM instance WHERE id IN (?) ORDER BY id FOR UPDATE;
SELECT command_key, 0 FROM command WHERE command_key IN (?);
UPDATE instance SET version = :1, state = :2, status = :3 WHERE id = :4;
--   1: []interface {} [5 7]
--   2: []interface {} [[0 1 255] [0 1 255]]
--   3: []interface {} [2 2]
--   4: []interface {} [1 2]
INSERT INTO command (command_key, hash, answer, at) VALUES (:1, :2, :3, :4);
--   1: []interface {} [u7/a u7/b u8/c]
--   2: []interface {} [h1 h2 h3]
--   3: []interface {} [[100 111 110 101] [] []]
--   4: []interface {} [1 1 1]
DELETE FROM task WHERE id = :1;
--   1: []interface {} [1001 1002]
DELETE FROM task_candidate WHERE task = :1;
--   1: []interface {} [9]
UPDATE task SET name = :1, assignee = :2 WHERE id = :3;
--   1: []interface {} [renamed]
--   2: []interface {} [<nil>]
--   3: []interface {} [9]
INSERT INTO history (instance, seq, event) VALUES (:1, :2, :3);
--   1: []interface {} [1 2]
--   2: []interface {} [5 7]
--   3: []interface {} [[101] [101]]
INSERT INTO task (id, instance, assignee, name) VALUES (:1, :2, :3, :4);
--   1: []interface {} [2001 2002]
--   2: []interface {} [1 2]
--   3: []interface {} [7 7]
--   4: []interface {} [second second]
INSERT /*+ IGNORE_ROW_ON_DUPKEY_INDEX(task_candidate (task, principal)) */ INTO task_candidate (task, principal) VALUES (:1, :2);
--   1: []interface {} [2001 2002]
--   2: []interface {} [5 5]
