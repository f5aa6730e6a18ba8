-- Statements as Prisma, Drizzle, SQLAlchemy, Django, Rails, Hibernate and Sequelize build them.
-- params [[1, 2, 3], 0]
SELECT "public"."copies"."id", "public"."copies"."book" FROM "public"."copies" WHERE "public"."copies"."book" = ANY($1::int[]) ORDER BY "public"."copies"."id" ASC OFFSET $2;
-- params ["open", 10, 0]
SELECT "t1"."id", "t1"."subject", "t1"."status"::text FROM "public"."tickets" AS "t1" WHERE "t1"."status" = $1 ORDER BY "t1"."id" DESC LIMIT $2 OFFSET $3 /* traceparent='00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01' */;
SELECT COALESCE(SUM("fine"), 0), COUNT(*), MIN("lent"), MAX("lent") FROM (SELECT "public"."loans"."fine", "public"."loans"."lent" FROM "public"."loans" WHERE 1=1 OFFSET 0) AS "sub";
-- params ["{\"publisher\":\"house 3\"}"]
SELECT "public"."books"."id" FROM "public"."books" WHERE ("public"."books"."details"::jsonb @> $1::jsonb AND 1=1) ORDER BY 1;
-- params ["house 3"]
SELECT "public"."books"."id" FROM "public"."books" WHERE ("public"."books"."details"#>ARRAY['publisher']::text[])::jsonb = to_jsonb($1::text) ORDER BY 1;
-- params ["s1"]
SELECT id FROM "public"."books" WHERE $1 = ANY("public"."books"."subjects") ORDER BY id;
-- params ["prisma", 1, "open"]
INSERT INTO "public"."tickets" ("subject","priority","status") VALUES ($1,$2,$3), ('second', 2, 'open') ON CONFLICT DO NOTHING RETURNING "public"."tickets"."id", "public"."tickets"."subject";
-- params [1, 41]
UPDATE "public"."tickets" SET "priority" = ("public"."tickets"."priority" + $1) WHERE ("public"."tickets"."id" IN ($2) AND 1=1) RETURNING "public"."tickets"."id", "public"."tickets"."priority";
SELECT "t1"."id", "t1"."title", "aggr_selection_0_Copies"."_aggr_count_copies" FROM "public"."books" AS "t1" LEFT JOIN (SELECT "t2"."book", COUNT(*) AS "_aggr_count_copies" FROM "public"."copies" AS "t2" WHERE 1=1 GROUP BY "t2"."book") AS "aggr_selection_0_Copies" ON ("t1"."id" = "aggr_selection_0_Copies"."book") WHERE 1=1 ORDER BY COALESCE("aggr_selection_0_Copies"."_aggr_count_copies", 0) DESC, "t1"."id" LIMIT 5;
SELECT "t1"."id" FROM "public"."books" AS "t1" WHERE ("t1"."id") NOT IN (SELECT "t2"."book" FROM "public"."copies" AS "t2" WHERE ((NOT "t2"."lost" = true) AND "t2"."book" IS NOT NULL)) ORDER BY 1;
select "books"."id", "books"."title", "books_copies"."data" as "copies" from "books" "books" left join lateral (select coalesce(json_agg(json_build_array("books_copies"."id", "books_copies"."branch")), '[]'::json) as "data" from "copies" "books_copies" where "books_copies"."book" = "books"."id") "books_copies" on true where "books"."id" < 4 order by "books"."id";
-- params ["drizzle", "drizzle2"]
insert into "tickets" ("id", "member", "subject", "status", "priority", "opened", "closed", "notes", "updated") values (default, default, $1, default, default, default, default, default, default), (default, default, $2, default, default, default, default, default, default) returning "id", "subject";
-- params ["motd", "\"x\""]
insert into "Settings" ("key", "value", "updatedAt") values ($1, $2, default) on conflict ("key") do update set "value" = excluded."value" where "Settings"."value" is distinct from excluded."value" returning *;
select "id", "title", row_number() over (partition by "genre" order by "pages" desc) as "rn" from "books" order by 1 limit 5;
with "sq" as (select "id", "subject" from "tickets" where "status" = 'open') select "sq"."id" from "sq" order by 1 limit 3;
SELECT pg_catalog.version();
select current_schema();
SELECT CAST('test plain returns' AS VARCHAR(60)) AS anon_1;
SELECT books.id AS books_id, books.title AS books_title, anon_1.n AS anon_1_n FROM books LEFT OUTER JOIN (SELECT copies.book AS book, count(*) AS n FROM copies GROUP BY copies.book) AS anon_1 ON anon_1.book = books.id WHERE books.title ILIKE '%%river%%' ESCAPE '/' ORDER BY books.id LIMIT 3;
-- params ["a", 3, "b", 4]
INSERT INTO tickets (subject, priority) SELECT p0::VARCHAR, p1::INTEGER FROM (VALUES ($1::text, $2::int, 0), ($3::text, $4::int, 1)) AS imp_sen(p0, p1, sen_counter) ORDER BY sen_counter RETURNING tickets.id, tickets.id AS id__1;
SELECT anon_1.genre, anon_1.rank FROM (SELECT books.genre AS genre, rank() OVER (PARTITION BY books.genre ORDER BY books.pages DESC) AS rank FROM books) AS anon_1 WHERE anon_1.rank <= 3 ORDER BY 1, 2;
WITH RECURSIVE nums(n) AS (SELECT 1 UNION ALL SELECT nums.n + 1 AS anon_1 FROM nums WHERE nums.n < 5) SELECT nums.n FROM nums;
SELECT books.id FROM books WHERE (books.details -> 'ratings' ->> 'average')::FLOAT > 3 AND jsonb_path_match(books.details, '$.ratings.count > 10') ORDER BY 1;
SELECT count(*) AS count_1 FROM (SELECT DISTINCT loans.member AS m FROM loans) AS anon_1;
SELECT loans.id FROM loans WHERE (loans.copy, loans.member) IN ((4, 12), (7, 23)) ORDER BY 1;
UPDATE tickets SET priority=(SELECT max(books.id) FROM books), status='open' FROM members WHERE members.id = tickets.member AND members.branch = 2;
DELETE FROM reviews USING books WHERE reviews.book = books.id AND books.title LIKE 'zzz%' RETURNING reviews.id;
SELECT "books"."id", "books"."title" FROM "books" WHERE UPPER("books"."title"::text) LIKE UPPER('%river%') ORDER BY "books"."id" ASC LIMIT 21;
SELECT (1) AS "a" FROM "books" WHERE "books"."id" = 5 LIMIT 1;
SELECT COUNT(*) AS "__count" FROM "books" INNER JOIN "written" ON ("books"."id" = "written"."book") WHERE "written"."author" IN (1, 2);
SELECT "books"."genre", COUNT("copies"."id") FILTER (WHERE "copies"."lost") AS "lost" FROM "books" LEFT OUTER JOIN "copies" ON ("books"."id" = "copies"."book") GROUP BY "books"."genre" HAVING COUNT("copies"."id") > 3 ORDER BY "lost" DESC, 1;
SELECT DISTINCT DATE_TRUNC('month', "loans"."lent" AT TIME ZONE 'UTC') AS "datetimefield" FROM "loans" WHERE "loans"."lent" IS NOT NULL ORDER BY 1 ASC;
SELECT ("loans"."lent" AT TIME ZONE 'Europe/Zurich')::date AS "day", COUNT("loans"."id") AS "n" FROM "loans" WHERE EXTRACT(YEAR FROM "loans"."lent" AT TIME ZONE 'Europe/Zurich') = 2024 GROUP BY 1 ORDER BY 1 LIMIT 5;
INSERT INTO "tickets" ("subject", "status") VALUES ('dj', 'open') RETURNING "tickets"."id";
UPDATE "tickets" SET "status" = CASE WHEN ("tickets"."id" = 1) THEN 'open' WHEN ("tickets"."id" = 2) THEN 'closed' ELSE NULL END WHERE "tickets"."id" IN (1, 2);
SELECT "tickets"."id" FROM "tickets" WHERE "tickets"."id" = 3 LIMIT 21 FOR UPDATE OF "tickets";
SELECT "members"."id", "members"."email" FROM "members" WHERE "members"."id" = 3 LIMIT 21 FOR NO KEY UPDATE;
SELECT "books"."id", (SELECT U0."id" FROM "copies" U0 WHERE U0."book" = ("books"."id") ORDER BY U0."bought" DESC, U0."id" LIMIT 1) AS "newest" FROM "books" ORDER BY 1 LIMIT 5;
SELECT c.conname, array(SELECT attname FROM unnest(c.conkey) WITH ORDINALITY cols(colid, arridx) JOIN pg_attribute AS ca ON cols.colid = ca.attnum WHERE ca.attrelid = c.conrelid ORDER BY cols.arridx), c.contype, (SELECT fkc.relname || '.' || fka.attname FROM pg_attribute AS fka JOIN pg_class AS fkc ON fka.attrelid = fkc.oid WHERE fka.attrelid = c.confrelid AND fka.attnum = c.confkey[1]), cl.reloptions FROM pg_constraint AS c JOIN pg_class AS cl ON c.conrelid = cl.oid WHERE cl.relname = 'copies' AND pg_catalog.pg_table_is_visible(cl.oid);
SELECT "books".* FROM "books" WHERE "books"."id" = 3 LIMIT 1 /*application:Library,controller:books,action:show*/;
SELECT a.attname, format_type(a.atttypid, a.atttypmod), pg_get_expr(d.adbin, d.adrelid), a.attnotnull, a.atttypid, a.atttypmod, c.collname, col_description(a.attrelid, a.attnum) AS comment, attidentity AS identity, attgenerated as attgenerated FROM pg_attribute a LEFT JOIN pg_attrdef d ON a.attrelid = d.adrelid AND a.attnum = d.adnum LEFT JOIN pg_type t ON a.atttypid = t.oid LEFT JOIN pg_collation c ON a.attcollation = c.oid AND a.attcollation <> t.typcollation WHERE a.attrelid = '"books"'::regclass AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum;
SELECT t.oid, t.typname, t.typelem, t.typdelim, t.typinput, r.rngsubtype, t.typtype, t.typbasetype FROM pg_type as t LEFT JOIN pg_range as r ON oid = rngtypid WHERE t.typname IN ('int2', 'int4', 'int8', 'oid', 'float4') ORDER BY 1;
INSERT INTO "Settings" ("key","value") VALUES ('a', '1'), ('b', '2') ON CONFLICT ("key") DO UPDATE SET "updatedAt"=(CASE WHEN ("Settings"."value" IS NOT DISTINCT FROM excluded."value") THEN "Settings"."updatedAt" ELSE CURRENT_TIMESTAMP END),"value"=excluded."value" RETURNING "key";
SELECT 1 AS one FROM "books" WHERE "books"."isbn" = '9780000000003' AND "books"."id" != 3 LIMIT 1;
SELECT COUNT(*) FROM (SELECT 1 AS one FROM "books" LIMIT 10) subquery_for_count;
SELECT "books"."id" AS t0_r0, "books"."title" AS t0_r1, "copies"."id" AS t1_r0 FROM "books" LEFT OUTER JOIN "copies" ON "copies"."book" = "books"."id" WHERE "books"."id" IN (1, 2) ORDER BY 1, 3;
select b1_0.id,b1_0.title,c1_0.book,c1_0.id from books b1_0 left join copies c1_0 on b1_0.id=c1_0.book where b1_0.id=2 order by 4;
select b1_0.id from books b1_0 where b1_0.pages>100 order by b1_0.id offset 5 rows fetch first 10 rows only;
select t1_0.id from tickets t1_0 where t1_0.id=1 for no key update;
select t1_0.id from tickets t1_0 where t1_0.id=1 for update nowait;
select distinct on (b1_0.genre) b1_0.genre, b1_0.id from books b1_0 order by b1_0.genre, b1_0.id desc;
select listagg.x from (select string_agg(b.title, ',' order by b.id) x from books b where b.id < 3) listagg;
select b.id from books b where lower(b.title) like '%river%' escape '' order by 1;
select cast(b.pages as varchar) || '', b.published + (5 * interval '1 day') from books b order by b.id limit 2;
SELECT "book"."id", "book"."title", "copies"."id" AS "copies.id", "copies"."branch" AS "copies.branch" FROM (SELECT "book"."id", "book"."title" FROM "books" AS "book" ORDER BY "book"."id" LIMIT 2) AS "book" LEFT OUTER JOIN "copies" AS "copies" ON "book"."id" = "copies"."book" ORDER BY 1, 3;
INSERT INTO "tickets" ("id","subject") VALUES (DEFAULT,'seq') RETURNING "id","member","subject","status","priority","opened","closed","notes","updated";
SELECT (SELECT COUNT(*) FROM "copies" WHERE "copies"."book" = "book"."id") AS "n" FROM "books" AS "book" ORDER BY "book"."id" LIMIT 3;
