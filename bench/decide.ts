import { decide } from '../functions/decide/decide.ts'
import { compile } from '../functions/decide/compile.ts'
import type { Caller } from '../schema/caller.ts'
import type { Effects } from '../schema/effects.ts'
import { policyDocument, type Bundle } from '../schema/policy.ts'

/**
 * CPU µs a decision at 10 and at 10 000 rules, lowest of 9 interleaved rounds: `node bench/decide.ts`. `spread` asks for every table that the rules name in
 * turn (10 of them, or 10 000); `same` is the statement a program repeats. Both go through everything decide does, masks and limits included. `--json` for the numbers.
 */
type Layout = (n: number) => readonly { readonly roles: number; readonly on: (i: number) => string | readonly string[] }[]
const layouts: Readonly<Record<string, Layout>> = {
  'exact, one role': () => [{ roles: 1, on: (i) => `public.t${i}` }],
  'exact, many roles': (n) => [{ roles: n, on: (i) => `public.t${i}` }],
  'wildcard, one role': () => [{ roles: 1, on: (i) => `public.t${i}_*` }],
  'wildcard, all match': () => [{ roles: 1, on: () => 'public.*' }],
  'wildcard, suffixes': () => [{ roles: 1, on: (i) => `*.t${i}` }],
  'commands': () => [{ roles: 1, on: (i) => ['systemctl', 'restart', `unit${i}`] }],
  'commands, star at end': () => [{ roles: 1, on: (i) => [`deploy${i}`, 'status', '*'] }],
  'commands, star first': () => [{ roles: 1, on: (i) => ['service', '*', `verb${i}`] }],
}

const host = { version: 1, kind: 'connection', name: 'shop', engine: 'ssh', secret: 'x' }

function bundle(n: number, { roles, on }: ReturnType<Layout>[number]): Bundle {
  const rules = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => ({ allow: [typeof on(0) === 'string' ? 'select' : 'exec'], connection: 'shop', on: [on(from + i)] }))
  const shop = { version: 1, kind: 'connection', name: 'shop', engine: 'postgres', secrets: { read: 'x' }, classify: { 'public.t1.email': 'pii.email' }, mask: { 'pii.email': 'email' } }
  const each = n / roles
  const documents = [typeof on(0) === 'string' ? shop : host, ...Array.from({ length: roles }, (_, r) => ({ version: 1, kind: 'role', name: `r${r}`, members: [{ group: 'g' }], rules: rules(r * each, (r + 1) * each) }))]
  return { documents: documents.map((document, i) => ({ path: `${i}.yaml`, document: policyDocument.parse(document) })) }
}

const caller: Caller = { issuer: 'i', subject: { id: 'agent:x', kind: 'agent', groups: ['g'] }, actors: [], person: false, claims: {}, expiresAt: 0 }
const effects = (name: string): Effects => ({
  accesses: [{ action: 'select', resource: name, columns: ['id', 'email'], system: false, via: [], statement: 0, span: null }],
  shown: [{ dataClass: 'pii.email', resource: name, column: 'email', statement: 0, span: null, output: 0 }], used: [], readOnly: true, fingerprint: '',
})

const command = (line: string): Effects => ({ accesses: [{ action: 'exec', resource: line, columns: null, system: false, via: [], statement: 0, span: null }], shown: [], used: [], readOnly: false, fingerprint: '' })

function prepare(n: number, layout: Layout) {
  const [shape] = layout(n)
  if (!shape) throw new Error('no layout')
  const policy = compile(bundle(n, shape))
  const asked = (i: number): Effects => {
    const name = shape.on(i)
    if (typeof name !== 'string') return command(name.join(' ').replace('*', `x${i}`))
    return effects(name === 'public.*' ? `public.x${i}` : name.replace('_*', '_a').replace('*', 'public'))
  }
  const statements = Array.from({ length: 20_000 }, (_, i) => asked(i % n))
  return (spread: boolean, times: number) => {
    const before = process.cpuUsage()
    for (let i = 0; i < times; i++) {
      const what = statements[spread ? (i * 7919) % statements.length : 3]
      if (what && decide(policy, { caller, connection: 'shop', effects: what, reveal: [], context: { purpose: null, session: null, time: 0 } }).kind !== 'permit') throw new Error('not permitted')
    }
    const used = process.cpuUsage(before)
    return (used.user + used.system) / times
  }
}

const rows: { readonly name: string; readonly kind: 'fresh' | 'same'; readonly few: number; readonly many: number }[] = []
for (const [name, layout] of Object.entries(layouts)) {
  const [few, many] = [prepare(10, layout), prepare(10_000, layout)]
  for (const fresh of [false, true]) {
    few(fresh, 20_000); many(fresh, 20_000)
    let [a, b] = [Infinity, Infinity]
    for (let round = 0; round < 9; round++) { a = Math.min(a, few(fresh, 20_000)); b = Math.min(b, many(fresh, 20_000)) }
    rows.push({ name, kind: fresh ? 'fresh' : 'same', few: a, many: b })
  }
}
const lines = rows.map(({ name, kind, few, many }) => `${name.padEnd(22)} ${kind.padEnd(6)} ${few.toFixed(2).padStart(7)} µs  ${many.toFixed(2).padStart(7)} µs  × ${(many / few).toFixed(2)}`)
process.stdout.write(process.argv.includes('--json') ? JSON.stringify(rows) : `${'decision'.padEnd(29)}  10 rules  10 000 rules\n${lines.join('\n')}\n`)
