SELECT settings->'$.theme', settings->>'$.theme' AS theme FROM customers WHERE settings->>'$.n' > 3 ORDER BY id;
SELECT c.id, c.settings->>'$.tags[0]' FROM customers c WHERE JSON_LENGTH(c.settings->'$.tags') = 2 ORDER BY 1 LIMIT 3;
SELECT id FROM orders WHERE id = 1 FOR SHARE;
select * from `customers` where `settings`->'$.theme' = 'dark' and json_contains(`settings`, '"a"', '$.tags') order by `id`;
TABLE counters ORDER BY name;
TABLE shop.counters LIMIT 1;
VALUES ROW(1, 'a'), ROW(2, 'b') ORDER BY column_0 DESC;
SELECT * FROM (VALUES ROW(1, 2), ROW(3, 4)) AS t;
SELECT CONVERT('x', CHAR), CAST('a' AS CHAR(1))
