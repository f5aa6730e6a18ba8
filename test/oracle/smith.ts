import { execFile, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { functionNames, introspection, typeNames } from '../../functions/protocol/postgres/builtins.ts'

/** Debian's sqlsmith, or the sentence that says how to get it. */
export async function findSmith(): Promise<string | null> {
  return promisify(execFile)('sqlsmith', ['--version']).then(() => null, () => 'sqlsmith is missing: apt-get install -y sqlsmith')
}

/**
 * A schema whose `pg_proc` and `pg_attribute` show what the analysis knows: built-in functions on its allow-list, all of the database's own, columns of the
 * types it takes. The generator reads its material there, when it stands before pg_catalog in its path; the statements are judged as all others are.
 * Without it four of ten statements the server takes call `pg_stat_get_…` and the like, and say nothing but that they are refused. Nor does it show
 * polymorphic functions: the generator does not fit their types together, and the server rejects them.
 */
export const narrow = `DROP SCHEMA IF EXISTS smith CASCADE; CREATE SCHEMA smith;
CREATE VIEW smith.fit AS SELECT oid FROM pg_catalog.pg_type WHERE oid >= 16384 OR typname = ANY ('{${[...typeNames].flatMap((name) => [name, `_${name}`]).join(',')}}');
CREATE VIEW smith.pg_proc AS SELECT * FROM pg_catalog.pg_proc p WHERE (p.oid >= 16384 OR p.proname = ANY ('{${[...functionNames, ...introspection].join(',')}}'))
  AND p.prorettype IN (SELECT oid FROM smith.fit) AND NOT EXISTS (SELECT FROM pg_catalog.unnest(p.proargtypes) a (type) WHERE a.type NOT IN (SELECT oid FROM smith.fit));
CREATE VIEW smith.pg_attribute AS SELECT attrelid, attname, atttypid, attisdropped FROM pg_catalog.pg_attribute WHERE atttypid IN (SELECT oid FROM smith.fit)`
/** How the generator gets there. */
export const narrowed = (url: string): string => `${url}?options=-csearch_path%3Dsmith,pg_catalog,public`

/**
 * Statements over the objects of a database, generated and not run. The same seed and database give the same ones. `url` as libpq reads it.
 * Ends after `count`, or when the generator does.
 */
export async function* generate(url: string, seed: number, count: number): AsyncGenerator<string> {
  const child = spawn('sqlsmith', [`--target=${url}`, `--seed=${seed}`, '--dry-run', `--max-queries=${count}`], { stdio: ['ignore', 'pipe', 'ignore'] })
  const gone = new Promise<void>((done) => child.once('close', () => done()).once('error', () => done()))
  try {
    let held: string[] = []
    for await (const line of createInterface({ input: child.stdout })) {
      held.push(line)
      if (!line.endsWith(';')) continue
      yield held.join('\n').replace(/;\s*$/, '').trim()
      held = []
    }
  } finally {
    child.kill('SIGTERM')
    await gone
  }
}
