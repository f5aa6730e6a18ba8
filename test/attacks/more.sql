-- Attacks no list has: one statement a line. `+`: it may come out masked; every other one is refused, or names what is not there.
SELECT s FROM (SELECT * FROM rows_of r, unnest(r.us)) q(a, b, c, d, e, f, s)
SELECT q.d FROM (SELECT * FROM unnest((SELECT array_agg(u) FROM users u))) q(a, b, c, d, e)
SELECT (r.u).ssn FROM rows_of r
SELECT doubled FROM v_gen
SELECT doubled FROM gen
SELECT note FROM v_joined
SELECT whole FROM v_row
SELECT (whole).ssn FROM v_row
SELECT count(*) FROM v_filter
SELECT version()
SELECT lower(1)
SELECT regtype('x')
SELECT 'x'::spy
SELECT spy('x')
SELECT 'ok'::mood || ''
SELECT mood('ok')::text
+ SELECT public.users.* FROM public.users
SELECT u FROM (SELECT * FROM users) u
SELECT row_number() OVER w, id FROM users WINDOW w AS (ORDER BY salary)
SELECT id FROM users ORDER BY 1, (SELECT ssn)
SELECT id, ssn FROM users ORDER BY 2
-- The server takes `ssn` out of this one before it plans, for `id` is the key: test/protocol/postgres/group.test.ts looks at its plan.
+ SELECT id AS ssn FROM users GROUP BY ssn, id
SELECT ssn AS x FROM users ORDER BY x
SELECT DISTINCT id, ssn FROM users
SELECT DISTINCT ON (ssn) id FROM users
SELECT id FROM users GROUP BY id HAVING max(ssn) > '2'
SELECT id FROM users FETCH FIRST (SELECT length(ssn) FROM users LIMIT 1) ROWS WITH TIES
SELECT id FROM users OFFSET (SELECT salary / 100000 FROM users LIMIT 1)
SELECT id FROM users u WHERE EXISTS (SELECT 1 WHERE u.ssn LIKE '1%')
SELECT id FROM users WHERE (id, ssn) IN (SELECT 1, '123-45-6789')
SELECT id FROM users WHERE ROW(users.*) IS NOT NULL
SELECT id FROM users u WHERE u IS NOT NULL
SELECT id FROM users u WHERE u = u
SELECT count(u.*) FROM users u
SELECT count(DISTINCT u) FROM users u
SELECT a.id FROM users a NATURAL JOIN users b
SELECT x FROM users u, LATERAL (SELECT u.ssn || '' AS x) l
SELECT x.y FROM (VALUES ((SELECT ssn FROM users LIMIT 1))) x(y)
+ WITH RECURSIVE t(a, b) AS (SELECT name, ssn FROM users UNION ALL SELECT b, a FROM t WHERE false) SELECT a FROM t
WITH RECURSIVE t(a, b, c) AS (SELECT 'x', 'y', ssn FROM users UNION ALL SELECT b, c, a FROM t WHERE a = 'x') SELECT a FROM t
+ WITH RECURSIVE a AS (SELECT * FROM b), b AS (SELECT ssn AS name FROM users) SELECT name FROM a
+ WITH orders AS (SELECT ssn AS note FROM users) SELECT note FROM orders
+ WITH c AS (SELECT id FROM users), users AS (SELECT 1 AS ssn) SELECT ssn FROM public.users
+ SELECT note FROM (SELECT id, name, email, ssn, salary FROM users) orders(id, user_id, amount, note)
+ SELECT * FROM (users JOIN orders USING (id)) AS j(a, b, c, d)
+ SELECT j.d FROM (users u CROSS JOIN (SELECT 1 AS one) o) AS j(a, b, c, d)
SELECT (SELECT note FROM (SELECT u.ssn AS note) q) FROM users u
SELECT ARRAY(SELECT ssn FROM users)
SELECT ARRAY[u] FROM users u
SELECT (ARRAY(SELECT u FROM users u))[1].ssn
SELECT json_build_object('a', u) FROM users u
SELECT json_object('a': ssn) FROM users
SELECT JSON_ARRAY(ssn) FROM users
SELECT JSON_ARRAYAGG(ssn) FROM users
SELECT xmlforest(ssn AS x) FROM users
SELECT CASE id WHEN length(ssn) THEN 1 END FROM users
SELECT coalesce(ssn, name) FROM users
+ SELECT name FROM users UNION ALL SELECT ssn FROM users
SELECT ssn FROM users INTERSECT ALL SELECT '123-45-6789'
SELECT name FROM users UNION ALL SELECT email FROM users ORDER BY 1
SELECT grouping(ssn), count(*) FROM users GROUP BY ROLLUP (ssn)
SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY salary) FROM users
SELECT sum(salary) FROM users
SELECT ts_headline(ssn, 'x'::tsquery) FROM users
SELECT id FROM users TABLESAMPLE BERNOULLI ((SELECT salary % 100 FROM users LIMIT 1))
SELECT format_type(1, 2)
SELECT current_user
SELECT pg_catalog.current_setting('data_directory')
SELECT * FROM pg_catalog.pg_authid
SELECT * FROM information_schema.tables
SELECT * FROM pg_stat_statements
SELECT last_value FROM seq1
SELECT "public"."users"."ssn" || '' FROM users
SELECT users.users FROM users
SELECT hr.payroll.ssn FROM hr.payroll
SELECT u.* FROM ONLY users AS u ORDER BY u
SELECT dept, ssn FROM staff
+ SELECT people.*, tableoid FROM people
SELECT ssn::text FROM people
SELECT p.ssn FROM pusers p WHERE p.ssn IS NOT NULL
SELECT min(ssn) FROM pusers
SELECT id FROM mv_users WHERE code > '2'
SELECT national_id || '' FROM v_users2
SELECT id FROM v_users2 WHERE national_id = '123-45-6789'
SELECT id FROM notes WHERE body IN (SELECT ssn FROM users)
INSERT INTO notes(body) VALUES ((SELECT ssn FROM users LIMIT 1))
INSERT INTO notes(body) SELECT name FROM users ON CONFLICT (body) DO UPDATE SET body = (SELECT ssn FROM users LIMIT 1)
UPDATE notes SET body = u.ssn FROM users u
UPDATE notes SET body = 'x' FROM users u WHERE u.ssn LIKE '1%'
UPDATE notes SET (body) = ROW((SELECT ssn FROM users LIMIT 1))
DELETE FROM notes USING users u WHERE u.salary > 50000
DELETE FROM notes RETURNING (SELECT ssn FROM users LIMIT 1)
INSERT INTO notes(body) VALUES ('x') RETURNING (SELECT max(salary) FROM users)
MERGE INTO notes n USING users u ON n.body = u.ssn WHEN NOT MATCHED THEN INSERT (body) VALUES (u.name)
MERGE INTO notes n USING users u ON false WHEN NOT MATCHED THEN INSERT (body) VALUES (u.ssn)
WITH x AS (UPDATE users SET name = name RETURNING ssn) SELECT * FROM x
SELECT id FROM users FOR UPDATE
SELECT * FROM (SELECT id FROM users FOR SHARE) q
EXPLAIN SELECT ssn FROM users
EXPLAIN (VERBOSE, COSTS OFF) SELECT id FROM users WHERE email = 'x'
EXPLAIN (ANALYZE false, SETTINGS) SELECT 1
SELECT nextval('notes_id_seq'::regclass)
SELECT set_limit(0.1)
SELECT crosstab('select ssn, 1, 1 from users')
SELECT * FROM crosstab('select name, ssn, ssn from users') AS t(a text, b text)
SELECT * FROM connectby('users', 'ssn', 'name', '1', 0) AS t(a text, b text, c int)
SELECT 1 WHERE (SELECT ssn FROM users LIMIT 1) LIKE '1%'
SELECT * FROM generate_series(1, (SELECT length(ssn) FROM users LIMIT 1))
SELECT U&'\0031' FROM users WHERE U&"s\0073n" = '1'
SELECT ssn FROM pg_temp.users
SELECT ssn FROM atk.public.users
SELECT * FROM users, jsonb_to_record(to_jsonb(users)) AS r(ssn text)
SELECT (jsonb_populate_record(NULL::users, to_jsonb(u))).ssn FROM users u
SELECT p.ssn FROM jsonb_populate_record(NULL::users, (SELECT to_jsonb(u) FROM users u LIMIT 1)) p
SELECT ((u)).ssn || '' FROM users u
SELECT (u.*).ssn FROM users u
SELECT label(u) FROM users u
SELECT x.label FROM (SELECT * FROM users) x
SELECT all_users()
SELECT a.ssn FROM all_users() a
SELECT * FROM ROWS FROM (all_users()) WITH ORDINALITY
CALL proc_ins('x')
TRUNCATE orders
SHOW data_directory
-- Beside a table's key a column adds nothing to a group. Where it is not that table's, or not its key, it does.
SELECT id AS ssn FROM users GROUP BY ssn, email
SELECT a.id FROM users a, users b GROUP BY a.id, b.ssn
SELECT id FROM users GROUP BY id, ssn ORDER BY ssn
SELECT id, count(*) FROM users GROUP BY GROUPING SETS ((id, ssn), (ssn))
SELECT id FROM users GROUP BY id, ssn HAVING ssn > '5'
SELECT id, row_number() OVER (ORDER BY ssn) FROM users GROUP BY id, ssn
SELECT id FROM (SELECT id, ssn FROM users) u GROUP BY id, ssn
SELECT id FROM users GROUP BY id, substr(ssn, 1, 1)
SELECT DISTINCT id, ssn FROM users GROUP BY id, ssn
