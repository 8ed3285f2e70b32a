WITH member_ AS (SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS v(m_, guards_, claims_)),
in1 AS (SELECT * FROM unnest($4::bigint[], $5::bigint[], $6::bigint[], $7::bytea[], $8::bigint[]) AS v(m_, id, version, state, status)),
in2 AS (SELECT * FROM unnest($9::bigint[], $10::bigint[], $11::text[], $12::text[], $13::bytea[], $14::bigint[]) AS v(m_, of_, command_key, hash, answer, at)),
in3 AS (SELECT * FROM unnest($15::bigint[], $16::bigint[]) AS v(m_, id)),
in4 AS (SELECT * FROM unnest($17::bigint[], $18::bigint[]) AS v(m_, task)),
in5 AS (SELECT * FROM unnest($19::bigint[], $20::bigint[], $21::text[], $22::bigint[]) AS v(m_, id, name, assignee)),
in6 AS (SELECT * FROM unnest($23::bigint[], $24::bigint[], $25::bigint[], $26::bytea[]) AS v(m_, instance, seq, event)),
in7 AS (SELECT * FROM unnest($27::bigint[], $28::bigint[], $29::bigint[], $30::bigint[], $31::text[]) AS v(m_, id, instance, assignee, name)),
in8 AS (SELECT * FROM unnest($32::bigint[], $33::bigint[], $34::bigint[]) AS v(m_, task, principal)),
lock1 AS (SELECT v.m_ FROM in1 v JOIN instance t ON t.id = v.id AND t.version = v.version ORDER BY t.id FOR NO KEY UPDATE OF t),
good_ AS (SELECT m_, claims_ FROM member_ LEFT JOIN (SELECT m_, count(*) AS held_ FROM (SELECT m_ FROM lock1) l GROUP BY m_) h USING (m_) WHERE coalesce(held_, 0) = guards_ AND (claims_ < 2 OR m_ NOT IN (SELECT v.m_ FROM in2 v JOIN command t ON t.command_key = v.command_key))),
won_ AS (INSERT INTO command (command_key, hash, answer, at) SELECT v.command_key, v.hash, v.answer, v.at FROM in2 v JOIN good_ USING (m_) ORDER BY v.command_key ON CONFLICT DO NOTHING RETURNING command_key),
applied_ AS (SELECT m_ FROM good_ WHERE claims_ = 0 UNION ALL SELECT m_ FROM in2 WHERE (command_key IN (SELECT command_key FROM won_)) IS TRUE GROUP BY m_, of_ HAVING CASE WHEN count(*) = of_ THEN true ELSE 1 / (of_ * 0) = 0 END),
do1 AS (UPDATE instance t SET version = t.version + 1, state = v.state, status = v.status FROM in1 v JOIN applied_ USING (m_) WHERE t.id = v.id AND t.version = v.version),
do3 AS (DELETE FROM task t USING in3 v JOIN applied_ USING (m_) WHERE t.id = v.id RETURNING 1),
do4 AS (DELETE FROM task_candidate t USING in4 v JOIN applied_ USING (m_) WHERE t.task = v.task RETURNING 1),
do5 AS (UPDATE task t SET name = v.name, assignee = v.assignee FROM in5 v JOIN applied_ USING (m_) WHERE t.id = v.id),
do6 AS (INSERT INTO history (instance, seq, event) SELECT v.instance, v.seq, v.event FROM in6 v JOIN applied_ USING (m_)),
do7 AS (INSERT INTO task (id, instance, assignee, name) SELECT v.id, v.instance, v.assignee, v.name FROM in7 v JOIN applied_ USING (m_) WHERE (SELECT count(*) FROM do3) >= 0),
do8 AS (INSERT INTO task_candidate (task, principal) SELECT v.task, v.principal FROM in8 v JOIN applied_ USING (m_) WHERE (SELECT count(*) FROM do4) >= 0 ON CONFLICT DO NOTHING)
SELECT m_ FROM applied_;
--   1: []int64 [0 1]
--   2: []int64 [1 1]
--   3: []int64 [1 2]
--   4: []int64 [0 1]
--   5: []int64 [1 2]
--   6: []int64 [4 6]
--   7: [][]uint8 [[0 1 255] [0 1 255]]
--   8: []int64 [2 2]
--   9: []int64 [0 1 1]
--   10: []int64 [1 2 2]
--   11: []string [u7/a u7/b u8/c]
--   12: []string [h1 h2 h3]
--   13: [][]uint8 [[100 111 110 101] [] []]
--   14: []int64 [1 1 1]
--   15: []int64 [0 1]
--   16: []int64 [1001 1002]
--   17: []int64 [1]
--   18: []int64 [9]
--   19: []int64 [1]
--   20: []int64 [9]
--   21: []string [renamed]
--   22: []*int64 (with NULLs)
--   23: []int64 [0 1]
--   24: []int64 [1 2]
--   25: []int64 [5 7]
--   26: [][]uint8 [[101] [101]]
--   27: []int64 [0 1]
--   28: []int64 [2001 2002]
--   29: []int64 [1 2]
--   30: []*int64 (with NULLs)
--   31: []string [second second]
--   32: []int64 [0 1]
--   33: []int64 [2001 2002]
--   34: []int64 [5 5]
