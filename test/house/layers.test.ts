import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'

/** The layer rule is only worth what it catches: each planted import below must be reported, each honest one must pass. */
const root = join(import.meta.dirname, '../..')
const directory = mkdtempSync(join(tmpdir(), 'sluice-layers-'))
cpSync(join(root, '.oxlintrc.json'), join(directory, '.oxlintrc.json'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

function lint(file: string, source: string): { readonly status: number | null; readonly output: string } {
  const path = join(directory, file)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, source)
  const run = spawnSync(join(root, 'node_modules/.bin/oxlint'), [file], { cwd: directory, encoding: 'utf8' })
  rmSync(path)
  return { status: run.status, output: run.stdout + run.stderr }
}
const imports = (from: string) => `import { it } from '${from}'\nexport const planted = it\n`

describe('a planted violation is caught', () => {
  test.each([
    ['functions/decide/planted.ts', '../aws/signed.ts'],
    ['functions/decide/planted.ts', '../local/start.ts'],
    ['functions/decide/planted.ts', '../resolve/standing.ts'],
    ['functions/decide/planted.ts', '../gate.ts'],
    ['functions/decide/planted.ts', '../protocol/postgres/plan.ts'],
    ['functions/record/planted.ts', '../decide/decide.ts'],
    ['functions/mcp/planted.ts', '../decide/decide.ts'],
    ['functions/mcp/planted.ts', '../protocol/postgres/postgres.ts'],
    ['functions/mcp/planted.ts', '../aws/ports.ts'],
    ['functions/authenticate/planted.ts', '@aws-sdk/client-dynamodb'],
    ['functions/gate.ts', './aws/ports.ts'],
    ['functions/app.ts', '@aws-sdk/client-dynamodb'],
    ['functions/app.ts', 'libpg-query'],
    ['functions/protocol/postgres/planted.ts', '../../decide/decide.ts'],
    ['functions/protocol/postgres/planted.ts', '../mysql/classify.ts'],
    ['functions/protocol/postgres/planted.ts', 'mysql2'],
    ['functions/protocol/mysql/planted.ts', '../postgres/plan.ts'],
    ['functions/protocol/mysql/planted.ts', 'pg'],
    ['functions/decide/planted.ts', '../protocol/mysql/plan.ts'],
    ['functions/protocol/planted.ts', '../gate.ts'],
    ['functions/post/planted.ts', '../aws/mail.ts'],
    ['functions/post/planted.ts', '../approve/message.ts'],
    ['functions/aws/planted.ts', '../local/stack.ts'],
    ['functions/aws/planted.ts', '@neondatabase/serverless'],
    ['functions/local/planted.ts', '@neondatabase/serverless'],
    ['functions/cli/query.ts', '../aws/ports.ts'],
    ['functions/http.ts', './local/ports.ts'],
    ['schema/planted.ts', '../functions/ports.ts'],
    ['schema/planted.ts', '@aws-sdk/client-dynamodb'],
  ])('%s may not import %s', (file, from) => {
    const { status, output } = lint(file, imports(from))
    expect(output).toContain('no-restricted-imports')
    expect(status).not.toBe(0)
  })
})

describe('an honest import passes', () => {
  test.each([
    ['functions/decide/honest.ts', '../permit.ts'],
    ['functions/decide/honest.ts', '../../schema/policy.ts'],
    ['functions/gate.ts', './decide/decide.ts'],
    ['functions/mcp/honest.ts', '../discover.ts'],
    ['functions/http.ts', './aws/ports.ts'],
    ['functions/local/ports.ts', '../aws/policies.ts'],
    ['functions/protocol/postgres/honest.ts', '@neondatabase/serverless'],
    ['functions/aws/honest.ts', '@aws-sdk/client-dynamodb'],
    ['functions/cli/main.ts', '../aws/ports.ts'],
  ])('%s may import %s', (file, from) => {
    expect(lint(file, imports(from)).output).not.toContain('no-restricted-imports')
  })
})
