import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bundle, entries } from '../../infra/bundle.ts'

/** What is in each function's folder, by the files themselves. */
type Name = keyof typeof entries
const names = Object.keys(entries) as Name[]
const directory = mkdtempSync(join(tmpdir(), 'sluice-bundle-'))
const built = new Map<Name, { readonly gzipBytes: number; readonly files: ReadonlyMap<string, string> }>()
const filesOf = (name: Name): ReadonlyMap<string, string> => built.get(name)?.files ?? new Map()
const holding = (words: string): readonly Name[] => names.filter((name) => [...filesOf(name).values()].some((text) => text.includes(words)))

beforeAll(async () => {
  for (const name of names) {
    const { gzipBytes, later } = await bundle(name, directory)
    const files = readdirSync(join(directory, name)).filter((file) => file.endsWith('.mjs'))
    built.set(name, { gzipBytes: gzipBytes + later.gzipBytes, files: new Map(files.map((file) => [file, readFileSync(join(directory, name, file), 'utf8')])) })
  }
}, 120_000)
afterAll(() => rmSync(directory, { recursive: true, force: true }))

describe.each(names)('the bundle of %s', (name) => {
  test('holds no file that nothing in it reads', () => {
    const files = filesOf(name)
    expect(files.size).toBeGreaterThan(1)
    expect([...files.keys()].filter((file) => file !== 'index.mjs' && ![...files.values()].some((text) => text.includes(`"./${file}"`)))).toEqual([])
  })
  test('reads one file at its start, beside the one with its name', () => {
    const importsOf = (file: string): readonly string[] => [...(filesOf(name).get(file) ?? '').matchAll(/(?:from|import)"\.\/([^"]+)"/g)].map(([, found = '']) => found)
    const first = importsOf('index.mjs')
    expect(first).toHaveLength(1)
    expect(first.flatMap(importsOf)).toEqual([])
  })
})

test('mail is sent by the functions that tell people of requests, and no other has the means', () => {
  expect(holding('SendEmail')).toEqual(['approval', 'sweeper'])
})
test('no function looks for credentials but in its environment', () => {
  expect(['credential_process', 'AWS_WEB_IDENTITY_TOKEN_FILE', 'AWS_CONTAINER_CREDENTIALS_RELATIVE_URI', 'sso_start_url'].flatMap(holding)).toEqual([])
  expect(holding('no credentials were given')).toContain('http')
})
test('the language of conditions is not read before a policy has one', () => {
  const starts = (['http', 'hold', 'lasting', 'people', 'websocket'] as const).map((name) => [...filesOf(name)].find(([file]) => (filesOf(name).get('index.mjs') ?? '').includes(file))?.[1] ?? '')
  for (const text of starts) expect([text.length > 100_000, text.includes('maxAstNodes')]).toEqual([true, false])
})
test('the grammar\'s bytes are read when they are asked for, and not while a file is evaluated, which could fail only once', () => {
  const reads = names.flatMap((name) => [...filesOf(name).values()].flatMap((text) => [...text.matchAll(/(.{5})\w+\(new URL\("\.\/libpg-query\.wasm"/g)].map(([, before]) => before ?? '')))
  expect(reads.length).toBeGreaterThan(0)
  expect(reads.filter((before) => !before.endsWith('()=>'))).toEqual([])
})
test('only what answers at its path speaks the Model Context Protocol', () => {
  expect(holding('notifications/initialized')).toEqual(['hold'])
  expect(holding('draft-2020-12')).toEqual(['hold'])                   // schemas of its tools; of no other's
})
test('only what parses SQL has its grammar, and only what looks things up in the index, or writes it, has that', () => {
  expect(names.filter((name) => readdirSync(join(directory, name)).includes('libpg-query.wasm'))).toEqual(['http', 'hold', 'websocket', 'approval', 'sweeper', 'private'])
  expect(holding('drizzle')).toEqual(['http', 'sequencer'])
})
test('whose role changes no policy has no client for it; and who wakes no state machine, none for that', () => {
  expect(holding('DescribeContinuousBackups')).toEqual(['http', 'hold', 'approval', 'sweeper'])
  expect(holding('StartSyncExecution')).toEqual(names.filter((name) => name !== 'sequencer' && name !== 'private'))
})
test('of libraries nothing is deployed that nobody comes to: SSH\'s server, file transfers, agents and passphrases; authorities of RDS; East Asian tables; Neon\'s driver in a private network', () => {
  expect(['fastPut', 'crypto_secretbox', 'AGFzbQ', 'pagent.exe', 'MIIEEjCCAvqg', '\\u4E02\\u4E04\\u4E05', 'prelude checksum'].flatMap(holding)).toEqual([])
  expect(holding('neon-connection-string')).not.toContain('private')
  expect([...filesOf('private').values()].reduce((sum, text) => sum + text.length, 0)).toBeLessThan(2 * 1024 * 1024)
})
test('HTTP keeps to a megabyte gzipped with all that it ever reads, the grammar too', () => {
  expect(built.get('http')?.gzipBytes).toBeLessThan(1024 * 1024)
})
test('what parses no SQL keeps to 350 KB gzipped, with all that it ever reads', () => {
  for (const name of ['people', 'sequencer'] as const) expect(built.get(name)?.gzipBytes).toBeLessThan(350 * 1024)
})
