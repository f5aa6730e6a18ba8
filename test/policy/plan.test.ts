import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { planOffline } from '../../functions/cli/policy/plan.ts'
import { writePolicy } from '../../functions/cli/policy/pull.ts'
import { readPolicy } from '../../functions/cli/policy/read.ts'
import { digest } from '../../schema/bundle.ts'
import type { Bundle } from '../../schema/policy.ts'
import { document, role, shop } from '../decide/world.ts'

const bundle = (...documents: object[]): Bundle => ({ documents: documents.map((value, i) => ({ path: `${i}.yaml`, document: document(value) })) })
const plan = (from: object[], to: object[]) => planOffline(bundle(...from), bundle(...to)).lines
const [a, b] = [{ allow: ['select'], on: ['public.a'] }, { deny: ['select'], on: ['public.b'] }]

test('moving a rule, a file or a document changes nothing', () => {
  expect(plan([shop(), role('r', [a, b])], [role('r', [b, a]), shop()])).toEqual(['nothing changes'])
})
test('what widens comes first, and says who may what', () => {
  expect(plan([shop(), role('r', [b])], [shop({ limits: { rows: 10 } }), role('r', [{ ...a, limits: { rows: 5 } }], [{ group: 'r' }, { everyone: true }]), role('s', [a])])).toEqual([
    '+ everyone now has role `r`',
    '+ role `r` no longer says: deny select on public.b of shop',
    '+ role `r` now says: allow select on public.a of shop limits {"rows":5}',
    '+ role `s` is new, with 1 rule for group `s`',
    '~ connection `shop`: `limits.rows` is now `10`',
    '5 changes: 4 widen, 0 narrow, 1 depend',
  ])
})
test('a classification lost widens, one gained narrows; a wider limit widens; an accepted group widens', () => {
  const effects = (from: object, to: object) => planOffline(bundle(from), bundle(to)).changes.map(({ what, effect }) => `${what} ${effect}`)
  expect(effects(shop({ classify: { 'public.t.a': 'x', 'public.t.b': 'none' } }), shop({ classify: { 'public.t.b': 'x', 'public.t.c': 'none' } }))).toEqual(['classify.public.t.a widens', 'classify.public.t.b narrows', 'classify.public.t.c widens'])
  expect(effects(shop({ limits: { rows: 5 } }), shop({ limits: { rows: 6 } }))).toEqual(['limits.rows widens'])
  const issuer = (accept: string[]) => ({ version: 1, kind: 'issuer', name: 'i', issuer: 'https://i.example', audience: 'a', groups: { claim: 'g', accept }, agents: { subject: 'agent:{sub}' } })
  expect(effects(issuer(['a']), issuer(['a', 'b']))).toEqual(['groups.accept widens'])
  expect(effects(issuer(['a', 'b']), issuer(['a']))).toEqual(['groups.accept narrows'])
})
test('two equal rules of which one goes are one change', () => {
  expect(planOffline(bundle(role('r', [a, a])), bundle(role('r', [a]))).changes).toHaveLength(1)
})

let directory = ''
beforeAll(async () => { directory = await mkdtemp(join(tmpdir(), 'sluice-policy-')) })
afterAll(() => rm(directory, { recursive: true }))

test('a policy pulled into files and read again is the same version', async () => {
  const demo = (await readPolicy('policy')).bundle
  if (!demo) throw new Error('no demo policy')
  const odd = { path: 'sub/odd.yaml', document: document(role('odd', [{ allow: ['select'], on: ['*.*'], when: 'subject.id == "a: b # c"' }], [{ group: 'yes' }, { group: '0o7' }, { group: '*x' }, { group: 'line\nbreak' }])) }
  const whole = { documents: [...demo.documents, odd] }
  await writePolicy(directory, whole, false)
  const again = (await readPolicy(directory)).bundle
  expect(again && digest(again)).toBe(digest(whole))
})
test('a command is pulled as its words on one line, and read as the same words', async () => {
  const host = { path: 'host.yaml', document: document({ version: 1, kind: 'connection', name: 'bastion', engine: 'ssh', secret: 's' }) }
  const on = [['systemctl', 'status', '*'], ['grep', 'a, b', '# c', '-n', '50', 'yes', ' ', '[x]', "it's"], ['find', '/var/log', '-name', '\\*.gz']]
  const given = { documents: [host, { path: 'r.yaml', document: document(role('r', [{ allow: ['exec'], connection: 'bastion', on }])) }] }
  const into = join(directory, 'commands')
  await writePolicy(into, given, false)
  expect(await readFile(join(into, 'r.yaml'), 'utf8')).toContain('\n      - [systemctl, status, "*"]\n      - [grep, "a, b", "# c", -n, "50", yes, " ", "[x]", it\'s]\n      - [find, /var/log, -name, \\*.gz]\n')
  const { bundle: again } = await readPolicy(into)
  expect(again && digest(again)).toBe(digest({ documents: [...given.documents] }))
})
test('a file that is there already stops it before anything is written', async () => {
  const there = join(directory, 'there.yaml')
  await writeFile(there, 'mine')
  const pulled: Bundle = { documents: [{ path: 'new.yaml', document: document(shop()) }, { path: 'there.yaml', document: document(shop()) }] }
  await expect(writePolicy(directory, pulled, false)).rejects.toMatchObject({ code: 'EEXIST' })
  await expect(readFile(join(directory, 'new.yaml'))).rejects.toMatchObject({ code: 'ENOENT' })
  expect(await readFile(there, 'utf8')).toBe('mine')
})
test.each(['../evil.yaml', '/etc/evil.yaml', 'a/../../evil.yaml', 'a//b.yaml', '.ssh/config.yaml', 'evil.sh', 'a\\..\\b.yaml'])('a gate cannot write outside the directory: %s', async (path) => {
  await expect(writePolicy(directory, { documents: [{ path, document: document(shop()) }] }, true)).rejects.toThrow('not a policy file')
})
