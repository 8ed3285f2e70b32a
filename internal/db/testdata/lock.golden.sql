-- mysql: shared, without waiting
SELECT task FROM task_candidate WHERE task = ? AND principal = ? LOCK IN SHARE MODE;
SELECT task FROM task_candidate WHERE task = ? AND principal = ? FOR UPDATE NOWAIT;
-- oracle: shared, without waiting
SELECT task FROM task_candidate WHERE task = :1 AND principal = :2 FOR UPDATE;
SELECT task FROM task_candidate WHERE task = :1 AND principal = :2 FOR UPDATE NOWAIT;
-- postgres: shared, without waiting
SELECT task FROM task_candidate WHERE task = $1 AND principal = $2 FOR SHARE;
SELECT task FROM task_candidate WHERE task = $1 AND principal = $2 FOR UPDATE NOWAIT;
-- sqlite: shared, without waiting
SELECT task FROM task_candidate WHERE task = ?1 AND principal = ?2;
SELECT task FROM task_candidate WHERE task = ?1 AND principal = ?2;
-- sqlserver: shared, without waiting
SELECT task FROM task_candidate WITH (REPEATABLEREAD, ROWLOCK) WHERE task = @p1 AND principal = @p2;
SELECT task FROM task_candidate WITH (UPDLOCK, ROWLOCK, NOWAIT) WHERE task = @p1 AND principal = @p2;
