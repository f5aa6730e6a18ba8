import { execFile, spawn } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { kubectl } from '../kubectl.ts'
import { mintFor } from './behind.ts'
import type { Stand } from './stand.ts'

const root = join(import.meta.dirname, '../../..')

/** `npm start -- --kubeconfig FILE` as an operator and an agent have it, up to what a person approves. */
export function starts(at: () => Stand, binary: string): void {
  it('npm start before it: reads masked, asks, is approved, runs once and answers the repeat', async () => {
    const { admin, directory, furnish, real } = at()
    await furnish()                                                        // a collection of Secrets may have been deleted
    const config = await mintFor(binary, real.file, directory, ['support', 'platform'])
    await writeFile(join(directory, 'minter'), config, { mode: 0o600 })
    const child = spawn(process.execPath, [join(root, 'functions/local/start.ts'), '--ephemeral', '--kubeconfig', join(directory, 'minter'), '--unsafe-local-identity'], { stdio: ['ignore', 'pipe', 'pipe'], env: { PATH: process.env['PATH'] ?? '', PORT: '0' } })
    let text = ''
    const ready = new Promise<boolean>((done) => {
      for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (part: string) => { text += part; if (text.includes('Sluice is ready on')) done(true) })
      child.once('close', () => done(false))
    })
    try {
      expect([await ready, text]).toEqual([true, expect.stringContaining('issuer: local')])
      const written = /kubectl --kubeconfig (\S+)/.exec(text)?.[1] ?? ''
      const call = (...args: string[]) => kubectl(binary, written, directory, args)
      const env = (token: string) => ({ PATH: process.env['PATH'], HOME: directory, SLUICE_URL: /Sluice is ready on (\S+)/.exec(text)?.[1] ?? '', SLUICE_TOKEN: token })
      // A request that waits is told with exit code 4.
      const sluice = (args: readonly string[], token = '') => promisify(execFile)(process.execPath, [join(root, 'bin/sluice.js'), ...args], { env: env(token) }).catch((error: { stdout: string }) => error).then(({ stdout }) => stdout.trim())
      expect(Buffer.from((await call('get', 'secret', 'front-db', '-n', 'web', '-o', 'jsonpath={.data.password}')).out, 'base64').toString()).toBe('[redacted]')
      const asked = await call('scale', 'deployment', 'front', '-n', 'web', '--replicas=2')
      const [id = ''] = /arq_[0-9A-Z]{26}/.exec(asked.err) ?? []
      expect([asked.code, id]).toEqual([1, expect.stringMatching(/^arq_/)])
      const replicas = async () => (await admin('GET', '/apis/apps/v1/namespaces/web/deployments/front')).body['spec']?.['replicas']
      expect(await replicas()).toBe(0)
      const lead = await sluice(['token', '--subject', 'user:lea@acme.dev', '--group', 'support-leads'])
      expect(await sluice(['requests', id], lead)).toMatch(/^\s+-spec: \{\}\n\s+\+spec:\n\s+\+  replicas: 2$/m)            // the server leaves a zero out
      await sluice(['approve', id], lead)
      await expect.poll(replicas, { timeout: 20_000 }).toBe(2)
      expect(await call('scale', 'deployment', 'front', '-n', 'web', '--replicas=2')).toMatchObject({ code: 0, out: expect.stringContaining('scaled') as string })
      expect(await call('delete', 'deployment', 'front', '-n', 'web')).toMatchObject({ code: 1, err: expect.stringContaining('needs a rule that allows it') as string })
    } finally {
      const closed = new Promise((done) => { child.once('close', done) })
      child.kill('SIGINT')
      await closed
    }
  }, 240_000)
}
