import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createShelf } from '../../functions/aws/shelf.ts'
import { createCatalogue } from '../../functions/catalogue.ts'
import type { Log } from '../../functions/ports.ts'
import { origin, signerOf } from '../record/log/sample.ts'

/** A follower of a log that lies in a directory, to be killed at any moment. Says `at` before each write and `done` when it is through. */
const [directory = '', url = '', neon = ''] = process.argv.slice(2)
const checkpoint = readFileSync(join(directory, 'checkpoint'), 'utf8')
const size = Number(checkpoint.split('\n')[1])
const log = {
  signer: signerOf(origin, 'index'),
  objects: { get: async (path: string) => { try { return readFileSync(join(directory, path)) } catch { return null } } },
  store: { published: async () => ({ revision: 1, size, checkpoint }), head: async () => null },
} as unknown as Log
const shelf = createShelf({ url, endpoint: { http: `${neon}/sql`, websocket: '' } })
const told = { ...shelf, add: async (...args: Parameters<typeof shelf.add>) => { process.stdout.write('at\n'); return shelf.add(...args) } }
await createCatalogue({ now: () => 1_000_000, alarm: (what) => { process.stdout.write(`alarm ${what}\n`) }, log, shelf: told, ledger: { get: async () => null } }).follow()
process.stdout.write('done\n')
