-- What the attacks of more.sql need beside schema.sql: traps of naming, typing and defaults.
SET ROLE agent;
CREATE TABLE rows_of(id int, u users, us users[]);
INSERT INTO rows_of SELECT 1, u, ARRAY[u] FROM users u WHERE id = 1;
CREATE TABLE gen(id int, ssn text, doubled text GENERATED ALWAYS AS (ssn || ssn) STORED);
INSERT INTO gen(id, ssn) VALUES (1, '123-45-6789');
CREATE VIEW v_gen AS SELECT id, doubled FROM gen;
CREATE VIEW v_joined AS SELECT o.id, (SELECT u.ssn FROM users u WHERE u.id = o.user_id) AS note FROM orders o;
CREATE VIEW v_row AS SELECT id, u AS whole FROM users u;
CREATE VIEW v_filter AS SELECT id FROM users WHERE ssn LIKE '1%';
CREATE FUNCTION public.version() RETURNS text LANGUAGE sql AS 'SELECT ssn FROM public.users LIMIT 1';
CREATE FUNCTION public.lower(int) RETURNS text LANGUAGE sql AS 'SELECT ssn FROM public.users WHERE id = $1';
CREATE FUNCTION public.regtype(text) RETURNS text LANGUAGE sql AS 'SELECT ssn FROM public.users LIMIT 1';
CREATE DOMAIN spy AS text CHECK (length(value) > 0 AND public.get_ssn(1) IS NOT NULL);
CREATE FUNCTION to_pair(json) RETURNS pair LANGUAGE sql AS 'SELECT (SELECT ssn FROM public.users LIMIT 1), NULL::text';
CREATE TYPE mood AS ENUM ('ok');
CREATE FUNCTION mood_text(mood) RETURNS text LANGUAGE sql AS 'SELECT ssn FROM public.users LIMIT 1';
CREATE CAST (mood AS text) WITH FUNCTION mood_text(mood) AS IMPLICIT;
RESET ROLE;
