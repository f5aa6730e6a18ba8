import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as z from 'zod'
import { auditSql } from './ddl.ts'
import { openapi } from './openapi.ts'
import { policyDocument } from './policy.ts'

/**
 * Writes the files that are made from the shapes: `node schema/generate.ts`. With `--check` it writes nothing and fails where a committed file is
 * not what would be written, so that an editor, a client and the gate never read three different shapes.
 */
const makers: readonly (readonly [file: string, make: () => unknown])[] = [
  ['policy.v1.schema.json', policySchema],
  ['openapi.json', openapi],
  ['audit.sql', auditSql],
]

/** For editors: `# yaml-language-server: $schema=…`. One document a file, told apart by `kind`. */
function policySchema(): unknown {
  const { $schema, ...shape } = z.toJSONSchema(policyDocument, { io: 'input' })
  return { $schema, $id: 'https://sluice.dev/policy.v1.schema.json', title: 'A Sluice policy document, version 1', ...shape }
}

const check = process.argv.includes('--check')
for (const [file, make] of makers) {
  const path = join(import.meta.dirname, file)
  const made = make()
  const text = typeof made === 'string' ? made : `${JSON.stringify(made, null, 1)}\n`
  const committed = await readFile(path, 'utf8').catch(() => null)
  if (committed === text) continue
  if (!check) await writeFile(path, text)
  process.stderr.write(check ? `schema/${file} is not what the shapes say; run \`npm run generate\` and commit it\n` : `wrote schema/${file}\n`)
  if (check) process.exitCode = 1
}
