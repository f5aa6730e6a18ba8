-- Each line is refused, or with `+` permitted and gives nothing classified in clear. The second wall is not there: only the analysis stands between these and the server.
+ SELECT id FROM people
+ SELECT id, ssn FROM people LIMIT 1
+ SELECT name, ssn FROM people WHERE age > 3
+ SELECT id FROM (SELECT id FROM people) x LIMIT 1
SELECT plan FROM accounts
SELECT plan FROM accounts LIMIT 1
SELECT id FROM parts
+ SELECT id FROM v_indexed
+ SELECT id FROM v_indexed LIMIT 1
+ SELECT v.id FROM v_indexed v JOIN users u ON u.id = v.id ORDER BY u.name
+ SELECT count(*), max(id) FROM v_indexed
+ SELECT id FROM (SELECT id FROM v_indexed LIMIT 1) x
+ SELECT group_concat(id) FROM v_indexed
+ SELECT json_arrayagg(id) FROM v_indexed
+ SELECT id, row_number() OVER () FROM v_indexed
+ SELECT id FROM users WHERE id = (SELECT id FROM v_indexed LIMIT 1)
SELECT max(id), name FROM v_indexed GROUP BY id > 0
+ SELECT DISTINCT id FROM v_indexed
+ SELECT id FROM v_indexed UNION ALL SELECT id FROM users
UPDATE notes n JOIN v_indexed v ON v.name = n.body SET n.body = v.id
SELECT id FROM v_first
SELECT json_objectagg(name, id) FROM users
SELECT id, last_value(id) OVER (ORDER BY name) FROM users
SELECT id, nth_value(id, 2) OVER (ORDER BY name) FROM users
SELECT id, count(*) FROM users
SELECT max(id), name FROM users GROUP BY name LIKE 'a%'
SELECT name, any_value(id) FROM users GROUP BY name
SELECT u.name, o.note FROM users u JOIN orders o ON o.user_id = u.id GROUP BY u.id
SELECT u.name FROM users u JOIN orders o ON o.user_id = u.id GROUP BY u.id HAVING o.note > 'a'
SELECT u.name FROM users u JOIN orders o ON o.user_id = u.id GROUP BY u.id ORDER BY o.note
SELECT name, (SELECT o.note FROM orders o WHERE o.user_id = u.id) FROM users u GROUP BY name
SELECT u.name, o.note FROM users u JOIN orders o ON o.id = u.name GROUP BY u.name
WITH RECURSIVE t(n) AS (SELECT id FROM users UNION ALL SELECT n + 1 FROM t WHERE n < 9 LIMIT 3) SELECT n FROM t
UPDATE notes n JOIN users u ON u.name = n.body SET n.body = u.id
UPDATE notes n, users u SET n.body = u.name
INSERT INTO notes(body) SELECT body FROM (SELECT name AS body, count(*) AS c FROM users) x
SELECT n FROM v_lists
SELECT * FROM v_loose
SELECT id FROM v_limited
+ SELECT n FROM v_ordered
+ SELECT u.name, count(*) FROM users u JOIN orders o ON o.user_id = u.id GROUP BY u.id
+ SELECT o.note, u.name FROM users u JOIN orders o ON o.user_id = u.id GROUP BY o.id
+ SELECT name, ssn FROM users UNION ALL SELECT note, note FROM orders ORDER BY name LIMIT 1
+ SELECT (SELECT o.note FROM orders o WHERE o.user_id = u.id ORDER BY o.amount LIMIT 1) FROM users u
SELECT id FROM keyless
SELECT id, initial FROM people
SELECT id, copied FROM people
SELECT initial FROM v_initials
SELECT * FROM v_filtered
SELECT count(*) FROM v_filtered
SELECT id FROM v_num
+ SELECT id, name FROM v_initials
INSERT INTO notes(body) SELECT name FROM v_initials
+ SELECT other FROM v_twice
SELECT upper(other) FROM v_twice
SELECT id FROM v_twice WHERE other LIKE '1%'
UPDATE people SET ssn = '123-45-6789' WHERE id = 1
UPDATE people SET ssn = NULL WHERE id = 1
UPDATE people SET age = 3 WHERE id = 1
UPDATE people SET copied = DEFAULT
UPDATE people SET email = 'alice@example.com' WHERE id = 2
UPDATE listed l JOIN notes n ON n.id = l.id SET l.ssn = '123-45-6789'
UPDATE listed SET ssn = '123-45-6789' WHERE ssn = '123-45-6789'
UPDATE listed SET ssn = 'x' WHERE f_del() = 1
UPDATE listed SET ssn = 'x', id = id + (ssn = '123-45-6789')
UPDATE people SET ssn = '123-45-6789', changed = now() WHERE id = 1
UPDATE accounts SET email = 'alice@example.com' WHERE plan = 'free'
UPDATE marked SET ssn = '123-45-6789' WHERE id = 1
UPDATE mixed SET ssn = '123-45-6789' WHERE id = 1
UPDATE history SET ssn = '123-45-6789' WHERE id = 1
REPLACE INTO listed VALUES (1, '123-45-6789')
REPLACE INTO listed(id) VALUES (1)
INSERT INTO listed(id, ssn) VALUES (1, 'x') ON DUPLICATE KEY UPDATE ssn = '123-45-6789'
INSERT INTO listed(id, ssn) VALUES (1, 'x') ON DUPLICATE KEY UPDATE ssn = VALUES(ssn)
INSERT INTO people(id, name, age, email) VALUES (3, 'x', 1, 'alice@example.com')
INSERT IGNORE INTO people(id, name, age, email) VALUES (3, 'x', 1, 'alice@example.com')
INSERT INTO badges VALUES (3, 'bob@example.com')
DELETE FROM accounts WHERE plan = 'free'
UPDATE accounts SET email = 'x' WHERE plan = 'free'
INSERT INTO logged(id) VALUES (7)
REPLACE INTO logged(id) VALUES (7)
INSERT INTO fast VALUES (1, 'x')
SELECT * FROM counter
SELECT NEXTVAL(counter)
SELECT nvl2(1, 2, 3)
SELECT ATK.nvl2(1, 2, 3)
SELECT * FROM hr.payroll
SELECT * FROM HR.payroll
SELECT * FROM `hr`.`payroll` p
SELECT users.id FROM users, hr.payroll
INSERT INTO notes(body) SELECT ssn FROM hr.payroll
SELECT id FROM users ORDER BY ssn
SELECT id FROM users ORDER BY users.SSN
SELECT id, ssn FROM users ORDER BY 2
SELECT id, ssn FROM users GROUP BY 2
SELECT id, ssn FROM users ORDER BY +2
SELECT id, ssn FROM users ORDER BY - -2
SELECT id, ssn FROM users ORDER BY TRUE
SELECT id, ssn AS s FROM users ORDER BY s
SELECT id, ssn AS s FROM users HAVING s LIKE '1%'
SELECT id, ssn AS s FROM users GROUP BY s
SELECT id AS ssn FROM users ORDER BY ssn
SELECT id FROM users ORDER BY (SELECT ssn)
SELECT id, ssn AS s, (SELECT s) FROM users
SELECT ssn AS s, (SELECT s FROM users LIMIT 1) FROM users
SELECT id FROM users u WHERE EXISTS (SELECT 1 FROM orders WHERE u.ssn = note)
SELECT id FROM users WHERE ssn IN (SELECT note FROM orders)
SELECT id FROM users WHERE '123-45-6789' IN (SELECT ssn FROM users)
SELECT '1' > ALL (SELECT ssn FROM users)
SELECT id FROM users WHERE (name, ssn) IN (SELECT note, note FROM orders)
SELECT DISTINCT ssn FROM users
SELECT count(DISTINCT ssn) FROM users
SELECT count(ssn) FROM users
SELECT id, row_number() OVER (ORDER BY ssn) FROM users
SELECT id, first_value(id) OVER (PARTITION BY ssn) FROM users
SELECT sum(id) OVER w FROM users WINDOW w AS (ORDER BY ssn)
SELECT group_concat(id ORDER BY ssn) FROM users
SELECT group_concat(ssn) FROM users
SELECT * FROM users NATURAL JOIN people
SELECT p.id FROM users u JOIN people p USING (ssn)
SELECT p.id FROM users u JOIN people p ON u.ssn = p.ssn
SELECT 1 FROM users u LEFT JOIN orders o ON u.ssn LIKE '1%'
SELECT j.a FROM users u, JSON_TABLE(JSON_ARRAY(u.ssn), '$[*]' COLUMNS (a varchar(20) PATH '$')) j
SELECT CASE WHEN ssn LIKE '1%' THEN 1 ELSE 0 END FROM users
SELECT ssn COLLATE utf8mb4_bin FROM users
SELECT ssn + INTERVAL 1 DAY FROM users
SELECT TRIM(ssn) FROM users
SELECT id FROM users WHERE ssn IS NULL
SELECT id FROM users WHERE ssn BETWEEN '1' AND '2'
SELECT id FROM users WHERE ssn REGEXP '^1'
SELECT id FROM users LIMIT 1 OFFSET (SELECT ssn FROM users)
SELECT ssn FROM users UNION SELECT note FROM orders
SELECT ssn FROM users EXCEPT SELECT note FROM orders
+ SELECT ssn FROM users UNION ALL SELECT note FROM orders
+ SELECT note FROM orders UNION ALL SELECT ssn FROM users
+ SELECT x.n FROM (SELECT note AS n FROM orders UNION ALL SELECT ssn FROM users) x
(SELECT id, ssn FROM users) ORDER BY 2
SELECT ssn FROM users UNION ALL SELECT note FROM orders ORDER BY 1
SELECT ssn FROM users UNION ALL SELECT note FROM orders ORDER BY ssn
WITH RECURSIVE t(n, s) AS (SELECT 1, '' UNION ALL SELECT n + 1, (SELECT ssn FROM users WHERE id = n) FROM t WHERE n < 3) SELECT s FROM t
WITH RECURSIVE t(a, b, n) AS (SELECT '', ssn, 1 FROM users UNION ALL SELECT b, a, n + 1 FROM t WHERE n < 3) SELECT a FROM t
WITH t AS (SELECT ssn AS s FROM users) SELECT s FROM t WHERE s LIKE '1%'
+ WITH users AS (SELECT id, name FROM users) SELECT * FROM users
WITH RECURSIVE a AS (SELECT * FROM b), b AS (SELECT 1 AS x) SELECT * FROM a
+ SELECT b.* FROM users a LEFT JOIN users b ON a.id = b.id + 1
WITH RECURSIVE t(a, n) AS (SELECT 'x', 1 UNION ALL SELECT ssn, n + 1 FROM t JOIN users ON id = n) SELECT n FROM t
+ WITH RECURSIVE t(a, n) AS (SELECT ssn, 1 FROM users UNION ALL SELECT a, n + 1 FROM t WHERE n < 3) SELECT a, n FROM t
SELECT x.s FROM users u, LATERAL (SELECT concat(u.ssn) AS s) x
SELECT id FROM users FOR UPDATE
SELECT id FROM v_users LOCK IN SHARE MODE
SELECT f_ssn(1)
SELECT atk.f_ssn(1)
SELECT `f_ssn`(1)
SELECT id FROM users WHERE f_del() = 1
SELECT id FROM users ORDER BY f_ssn(id)
INSERT INTO notes(body) VALUES (f_ssn(1))
CALL atk.p_ssn()
UPDATE notes n JOIN users u ON u.id = n.id SET n.body = u.ssn
UPDATE notes SET body = (SELECT ssn FROM users LIMIT 1)
UPDATE notes, users SET users.name = notes.body
DELETE users FROM notes JOIN users ON users.id = notes.id
DELETE FROM notes WHERE body IN (SELECT ssn FROM users)
DELETE FROM notes ORDER BY (SELECT ssn FROM users LIMIT 1) LIMIT 1
INSERT INTO notes(id, body) VALUES (1, 'x') ON DUPLICATE KEY UPDATE body = (SELECT ssn FROM users LIMIT 1)
INSERT INTO notes(body) SELECT ssn FROM users
INSERT INTO notes SELECT id, ssn FROM users
INSERT INTO v_users VALUES (4, 'x')
UPDATE v_users SET nid = 'x'
DELETE FROM v_users
EXPLAIN SELECT id FROM users WHERE ssn LIKE '1%'
EXPLAIN SELECT id FROM v_users
EXPLAIN SELECT id FROM users
EXPLAIN FORMAT=JSON SELECT id FROM people
EXPLAIN DELETE FROM notes
+ SHOW TABLES
+ SHOW DATABASES
+ SHOW CREATE TABLE users
+ SHOW CREATE TABLE v_users
SHOW CREATE TABLE hr.payroll
SHOW CREATE VIEW v_users
SHOW TABLE STATUS
SHOW TRIGGERS
SHOW CREATE PROCEDURE p_ssn
SELECT TABLE_ROWS FROM information_schema.innodb_tablestats
SELECT * FROM information_schema.routines
SELECT * FROM information_schema.column_statistics
SHOW COLUMNS FROM hr.payroll
SHOW WARNINGS
SHOW ERRORS
SHOW GRANTS
SHOW VARIABLES
SHOW STATUS
SHOW ENGINE INNODB STATUS
GET DIAGNOSTICS CONDITION 1 @x = MESSAGE_TEXT
+ SELECT table_name FROM information_schema.tables
+ SELECT table_name FROM INFORMATION_SCHEMA.TABLES
+ SELECT * FROM `Information_Schema`.`COLUMNS`
SELECT * FROM performance_schema.threads
SELECT * FROM mysql.global_priv
SELECT * FROM sys.version
SELECT user()
+ SELECT database()
SELECT version()
SELECT connection_id()
SELECT last_insert_id()
SELECT current_user
SELECT load_file('/etc/passwd')
SELECT benchmark(100000000, md5('x'))
SELECT get_lock('x', 10)
SELECT extractvalue(1, concat('~', (SELECT name FROM users LIMIT 1)))
SELECT uuid()
SELECT * FROM seq_1_to_100
SELECT 1 INTO @x
SELECT * FROM users PROCEDURE ANALYSE()
DO f_del()
SET @a = 1
XA BEGIN 'x'
LOCK TABLES users READ
COMMIT
START TRANSACTION
KILL 1
DELIMITER //
TABLE hr.payroll
VALUES ROW((SELECT ssn FROM users LIMIT 1))
SELECT ssn` FROM users; DROP TABLE users; -- `
SELECT name FROM users PARTITION (p0)
SELECT id FROM pusers PARTITION (p0) WHERE ssn LIKE '1%'
