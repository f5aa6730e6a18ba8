import type { ConnectionDocument } from '../../../schema/policy.ts'

/**
 * Two databases that differ in nothing but classified values. Whatever a permitted statement shows unmasked, how many rows, in which order, with
 * which error, what it leaves in unclassified columns: if it differs between the two, a classified value got out.
 */
export type World = 'a' | 'b'
/** Part of every classified text, and of nothing else. Of one length, so that no table is larger in one world and planned otherwise there. */
export const canary: Readonly<Record<World, string>> = { a: 'Kanarie-a7', b: 'Sperlin-b3' }

const people = [['ann', 'ops', true], ['bob', 'ops', false], ['cleo', 'dev', true], ['dan', 'dev', true], ['eve', 'law', false], ['fay', 'law', true]] as const

export function schemaOf(world: World): string {
  const same = (n: number) => world === 'b' && n % 10 === 6 ? n - 1 : n      // two are alike in one world only: DISTINCT and its kin must not tell
  const text = (n: number) => `'${canary[world]}-${10 + (world === 'a' ? n : 29 - n)}'`
  const number = (n: number) => world === 'a' ? 71_000 + n * 137 : 99_500 - n * 211
  const date = (n: number) => world === 'a' ? `'1971-03-${10 + n}'` : `'1988-09-${28 - n}'`
  const row = (n: number) => `${text(n)}, ${n === (world === 'a' ? 3 : 4) ? 'NULL' : text(n + 10)}, ${number(n)}, ${date(n)}, '{"${canary[world]}": ${number(n)}, "k": ${world === 'a' ? `["${canary.a}"]` : `"${canary.b}--"`}}', ARRAY[${text(n)}, ${text(n + 1)}]`
  return `
    CREATE TABLE people (id int PRIMARY KEY, name text NOT NULL, dept text, active boolean, ssn text, email text, salary int, born date, extra jsonb, tags text[]);
    CREATE TABLE staff (badge int) INHERITS (people);
    CREATE TABLE orders (id int PRIMARY KEY, person int, amount numeric, note text, placed date);
    CREATE TABLE notes (id int PRIMARY KEY, body text, n int);
    CREATE TABLE logs (id int, kind text, payload text) PARTITION BY LIST (kind);
    CREATE TABLE logs_x PARTITION OF logs FOR VALUES IN ('x'); CREATE TABLE logs_y PARTITION OF logs DEFAULT;
    CREATE VIEW v_people AS SELECT id, name, ssn AS code, salary FROM people;
    CREATE VIEW v_plain AS SELECT id, name, dept FROM people;
    CREATE VIEW v_deep AS SELECT code AS inner_code, name, id FROM v_people;
    CREATE VIEW v_filter AS SELECT id, name FROM people WHERE salary > 90000;
    CREATE VIEW v_made AS SELECT id, upper(ssn) AS shout, length(name) AS n FROM people;
    CREATE VIEW v_sorted AS SELECT id, name FROM people ORDER BY salary;
    CREATE VIEW v_grouped AS SELECT dept, count(*) AS n FROM people GROUP BY dept, ssn;
    CREATE VIEW v_distinct AS SELECT DISTINCT dept, ssn FROM people;
    CREATE VIEW v_top AS SELECT id, name FROM people ORDER BY born LIMIT 2;
    CREATE TABLE keys (id int PRIMARY KEY, what text); INSERT INTO keys VALUES (1, 'door'), (2, 'gate'), (3, 'roof');
    CREATE TABLE vault (id int PRIMARY KEY, label text, pin int, floor int, guess int, owner int REFERENCES keys, divisor int,
      tail text GENERATED ALWAYS AS (right(pin::text, 2)) STORED, inverse int GENERATED ALWAYS AS (1000000 / (pin / 1000 - divisor)) STORED, CONSTRAINT above CHECK (floor IS NULL OR pin > floor), UNIQUE (label, pin));
    CREATE UNIQUE INDEX vault_rich ON vault (guess) WHERE pin > 80000;
    CREATE TABLE bands (id int, pin int) PARTITION BY RANGE (pin);
    CREATE TABLE tens (id int, pin int) PARTITION BY RANGE ((pin / 10)); CREATE TABLE tens_low PARTITION OF tens FOR VALUES FROM (0) TO (8000); CREATE TABLE tens_high PARTITION OF tens FOR VALUES FROM (8000) TO (20000);
    CREATE TABLE bands_low PARTITION OF bands FOR VALUES FROM (0) TO (80000); CREATE TABLE bands_high PARTITION OF bands FOR VALUES FROM (80000) TO (200000);
    CREATE MATERIALIZED VIEW m_people AS SELECT id, name, ssn || '' AS made FROM people WITH NO DATA;
    CREATE MATERIALIZED VIEW m_rich AS SELECT id, name FROM people WHERE salary > 80000 WITH NO DATA;
    CREATE FUNCTION label(people) RETURNS text LANGUAGE sql STABLE AS 'SELECT $1.name || $1.ssn';
    INSERT INTO people VALUES ${people.map(([name, dept, active], i) => `(${i + 1}, '${name}', '${dept}', ${active}, ${row(same(i + 1))})`).join(', ')};
    INSERT INTO staff VALUES (7, 'gus', 'ops', true, ${row(7)}, 70);
    INSERT INTO orders SELECT i, 1 + i % 7, i * 1.5, 'order ' || i, date '2024-01-01' + i FROM generate_series(1, 12) i;
    INSERT INTO notes VALUES (1, 'one', 10), (2, 'two', 20), (3, NULL, 30);
    INSERT INTO logs VALUES (1, 'x', ${text(1)}), (2, 'y', ${text(2)}), (3, 'x', ${text(3)});
    INSERT INTO vault (id, label, pin, floor, guess, owner) VALUES (1, 'one', ${number(1)}, 0, 1, ${world === 'a' ? 1 : 2}), (2, 'two', ${number(same(6))}, 0, 2, ${world === 'a' ? 1 : 2}), (3, 'three', ${number(same(5))}, NULL, 3, NULL);
    INSERT INTO bands VALUES (1, ${number(1)}), (2, ${number(2)}); INSERT INTO tens SELECT id, pin FROM bands;
    REFRESH MATERIALIZED VIEW m_people; REFRESH MATERIALIZED VIEW m_rich;`
}

export const connection: ConnectionDocument = {
  version: 1, kind: 'connection', name: 'canary', engine: 'postgres', secret: 'canary',
  classify: {
    'public.people.ssn': 'pii.ssn', 'public.people.email': 'pii.email', 'public.people.salary': 'pay', 'public.people.born': 'pii.birth', 'public.people.extra': 'secret', 'public.people.tags': 'secret',
    'public.logs.payload': 'secret', 'public.vault.pin': 'pay', 'public.vault.owner': 'pii.link', 'public.bands.pin': 'pay', 'public.tens.pin': 'pay',
  },
}

/** Everything that carries no class, after a write: the two worlds must still agree on it. */
export const unclassified = `SELECT 'people', p.tableoid::regclass::text, p.id, p.name, p.dept, p.active FROM people p UNION ALL SELECT 'orders', note, id, person::text, amount::text, NULL FROM orders
  UNION ALL SELECT 'notes', body, id, n::text, NULL, NULL FROM notes UNION ALL SELECT 'logs', kind, id, NULL, NULL, NULL FROM logs
  UNION ALL SELECT 'vault', label, id, floor::text, guess::text, NULL FROM vault UNION ALL SELECT 'keys', what, id, NULL, NULL, NULL FROM keys ORDER BY 1, 2, 3, 4, 5`

export interface Column { readonly name: string; readonly type: Type }
export type Type = 'int' | 'text' | 'bool' | 'date' | 'numeric' | 'json' | 'array'
const of = (text: string): Column[] => text.split(' ').map((part) => { const [name, type] = part.split(':'); return { name: name!, type: type as Type } })
const person = 'id:int name:text dept:text active:bool ssn:text email:text salary:int born:date extra:json tags:array'
export const relations: Readonly<Record<string, readonly Column[]>> = {
  people: of(person), staff: of(`${person} badge:int`), 'ONLY people': of(person), vault: of('id:int label:text pin:int floor:int guess:int owner:int tail:text inverse:int'), bands: of('id:int pin:int'), v_sorted: of('id:int name:text'), v_grouped: of('dept:text n:int'), v_distinct: of('dept:text'), v_top: of('id:int name:text'),
  orders: of('id:int person:int amount:numeric note:text placed:date'), notes: of('id:int body:text n:int'),
  logs: of('id:int kind:text payload:text'), logs_x: of('id:int kind:text payload:text'), v_people: of('id:int name:text code:text salary:int'), v_plain: of('id:int name:text dept:text'),
  v_deep: of('inner_code:text name:text id:int'), m_people: of('id:int name:text made:text'), m_rich: of('id:int name:text'), v_filter: of('id:int name:text'), v_made: of('id:int shout:text n:int'),
}
