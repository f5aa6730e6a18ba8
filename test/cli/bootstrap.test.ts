import { spawn } from 'node:child_process'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createStores } from '../../functions/aws/ports.ts'
import { startDynamo } from '../../functions/local/dynamodb.ts'

const root = join(import.meta.dirname, '../..')
function sluice(args: readonly string[], env: Readonly<Record<string, string>>): Promise<{ code: number | null; err: string }> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [join(root, 'bin/sluice.js'), ...args], { env: { PATH: process.env['PATH'], HOME: '/nowhere', ...env }, stdio: ['ignore', 'ignore', 'pipe'] })
    let err = ''
    child.stderr.on('data', (chunk: Buffer) => { err += chunk.toString() })
    child.on('close', (code) => resolve({ code, err }))
  })
}

test('--bootstrap fills an empty store and no other', async () => {
  const dynamo = await startDynamo({ directory: null })
  const credentials = { accessKeyId: 'local', secretAccessKey: 'local' }
  const stores = createStores({ region: 'local', endpoint: dynamo.url, credentials })
  try {
    await stores.createTables()
    const env = { AWS_ENDPOINT_URL_DYNAMODB: dynamo.url, AWS_REGION: 'local', AWS_ACCESS_KEY_ID: 'local', AWS_SECRET_ACCESS_KEY: 'local' }
    const apply = ['policy', 'apply', join(root, 'policy'), '--bootstrap', '--commit', 'abc']
    expect(await sluice(apply, env)).toMatchObject({ code: 0, err: expect.stringContaining('as the first policy') })
    expect(await stores.policies.pointer()).toMatchObject({ commit: 'abc', appliedBy: expect.stringMatching(/^bootstrap:/) })
    expect(await sluice(apply, env)).toMatchObject({ code: 1, err: expect.stringContaining('in force already') })
    // A stage's: the demo's policy has no issuer, no gate of a stage would serve it, and no other could follow it.
    const stage = createStores({ region: 'local', endpoint: dynamo.url, credentials, tables: 'sluice-dev' })
    await stage.createTables()
    expect(await sluice(apply, { ...env, SLUICE_TABLES: 'sluice-dev' })).toMatchObject({ code: 3, err: expect.stringContaining('names no issuer') })
    expect(await stage.policies.pointer()).toBe(null)
    stage.close()
    // What is wrong is named: the variable that is not set, the table that is not there.
    expect(await sluice(apply, { AWS_REGION: 'local', AWS_ACCESS_KEY_ID: 'local' })).toMatchObject({ code: 3, err: expect.stringMatching(/^AWS_SECRET_ACCESS_KEY must be set: .*aws configure export-credentials/) })
    const vouched = mkdtempSync(join(tmpdir(), 'sluice-policy-'))
    writeFileSync(join(vouched, 'issuer.yaml'), 'version: 1\nkind: issuer\nname: okta\nissuer: https://acme.okta.com\naudience: https://sluice.acme.dev\ngroups: { claim: groups, accept: [platform] }\nagents: { subject: "agent:{sub}" }\n')
    expect(await sluice(['policy', 'apply', vouched, '--bootstrap'], { ...env, SLUICE_TABLES: 'sluice-prodction' })).toMatchObject({ code: 1, err: expect.stringContaining('there is no table `sluice-prodction-policy` in `local`') })
  } finally {
    stores.close()
    await dynamo.close()
  }
})
