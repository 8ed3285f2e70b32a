START TRANSACTION;
SELECT 0, id, version FROM instance WHERE id IN (?, ?) ORDER BY id FOR UPDATE;
SELECT 1, command_key, 0 FROM command WHERE command_key IN (?, ?, ?);
--   1: int64 1
--   2: int64 2
--   3: string "u7/a"
--   4: string "u7/b"
--   5: string "u8/c"
INSERT INTO instance (id, version, state, status, title, urgent) VALUES (?, ?, ?, ?, '', 0), (?, ?, ?, ?, '', 0) ON DUPLICATE KEY UPDATE version = VALUES(version), state = VALUES(state), status = VALUES(status);
INSERT INTO command (command_key, hash, answer, at) VALUES (?, ?, ?, ?), (?, ?, ?, ?), (?, ?, ?, ?);
DELETE FROM task WHERE id IN (?, ?);
DELETE FROM task_candidate WHERE task IN (?);
UPDATE task SET name = ?, assignee = ? WHERE id = ?;
INSERT INTO history (instance, seq, event) VALUES (?, ?, ?), (?, ?, ?);
INSERT INTO task (id, instance, assignee, name) VALUES (?, ?, ?, ?), (?, ?, ?, ?);
INSERT IGNORE INTO task_candidate (task, principal) VALUES (?, ?), (?, ?);
COMMIT;
--   1: int64 1
--   2: int64 5
--   3: []uint8 [0 1 255]
--   4: int64 2
--   5: int64 2
--   6: int64 7
--   7: []uint8 [0 1 255]
--   8: int64 2
--   9: string "u7/a"
--   10: string "h1"
--   11: []uint8 [100 111 110 101]
--   12: int64 1
--   13: string "u7/b"
--   14: string "h2"
--   15: []uint8 []
--   16: int64 1
--   17: string "u8/c"
--   18: string "h3"
--   19: []uint8 []
--   20: int64 1
--   21: int64 1001
--   22: int64 1002
--   23: int64 9
--   24: string "renamed"
--   25: <nil> <nil>
--   26: int64 9
--   27: int64 1
--   28: int64 5
--   29: []uint8 [101]
--   30: int64 2
--   31: int64 7
--   32: []uint8 [101]
--   33: int64 2001
--   34: int64 1
--   35: int64 7
--   36: string "second"
--   37: int64 2002
--   38: int64 2
--   39: int64 7
--   40: string "second"
--   41: int64 2001
--   42: int64 5
--   43: int64 2002
--   44: int64 5
