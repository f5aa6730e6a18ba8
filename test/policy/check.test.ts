import { describe, expect, test } from 'vitest'
import { compile } from '../../functions/decide/compile.ts'
import { readPolicy } from '../../functions/cli/policy/read.ts'
import { outcomeLines, testPolicy } from '../../functions/cli/policy/test.ts'
import { problemLine } from '../../functions/cli/policy/yaml.ts'
import { check, platform, role, ruled, shop } from './files.ts'

test('the demo policy has no problem and passes its own tests', async () => {
  const { bundle, problems, tests } = await readPolicy('policy')
  expect(problems.map(problemLine)).toEqual([])
  if (!bundle) throw new Error('no bundle')
  const outcomes = await testPolicy(compile(bundle), 'policy', tests, null)
  expect(outcomeLines(outcomes)).toEqual([`${outcomes.length} passed, 0 failed, 0 skipped`])
  expect(outcomes.length).toBeGreaterThan(20)
})

describe('yaml', () => {
  const one = (text: string) => check({ 'x.yaml': text }).lines
  test.each([
    ['a key twice', `version: 1\nkind: role\nname: a\nname: b\n`, /^x\.yaml:4:1: error: this key is there twice/],
    ['a key twice in an inner map', `version: 1\nkind: role\nname: a\nmembers:\n  - group: a\n    group: b\nrules: []\n`, /^x\.yaml:6:5: error: this key is there twice/],
    ['an alias', `version: 1\nkind: role\nname: a\nmembers: &m [{ group: g }]\nrules: *m\n`, /x\.yaml:4:13: error: anchors/],
    ['an alias bomb', `a: &a [x,x,x,x]\nb: &b [*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b]\nd: [*c,*c,*c,*c]\n`, /x\.yaml:2:8: error: aliases/],
    ['a bare star', `version: 1\nkind: role\nname: a\nmembers: []\nrules:\n  - allow: [*]\n`, /x\.yaml:6:\d+: error: .*(alias|quotes)/i],
    ['a tab', `version: 1\nkind: role\nname: a\nmembers:\n\t- group: g\n`, /x\.yaml:5:1: error: a tab/],
    ['two documents', `${shop}---\n${shop}`, /error: a second document/],
    ['a tag', `version: 1\nkind: role\nname: !!binary aGk=\n`, /x\.yaml:3:\d+: error: /],
    ['a tag of one\'s own', `version: !env X\n`, /error: .*tag/i],
    ['a key that is no word', `version: 1\n? [a]\n: b\n`, /error: a key must be a word/],
    ['an unclosed bracket', `version: 1\nkind: [role\n`, /^x\.yaml:\d+:\d+: error: /],
    ['nothing', `# nothing\n`, /x\.yaml:1:1: error: the file is empty/],
    ['a list', `- version: 1\n`, /x\.yaml:1:1: error: /],
    ['over 1 MiB', `x: ${'y'.repeat(1024 * 1024)}`, /over 1 MiB/],
  ])('%s is an error with its place', (_, text, expected) => expect(one(text).join('\n')).toMatch(expected))
  test('a merge key is an unknown key, not a merge', () => expect(one(`${role('allow: [select]')}<<: { members: [] }\n`).join('\n')).toContain('unknown key `<<`'))
  test('windows line ends and a byte order mark are read', () => {
    expect(check({ 'shop.yaml': `\uFEFF${shop.replaceAll('\n', '\r\n')}`, 'p.yaml': platform }).lines).toEqual([])
  })
  test('what another file names is not called unknown because that file cannot be read', () => {
    expect(check({ 'shop.yaml': `${shop}\tx`, 'r.yaml': role('{ allow: [select], connection: shop, on: [public.a] }') }).lines.join('\n')).not.toContain('there is no connection')
  })
})

describe('shape', () => {
  const of = (text: string) => check({ 'x.yaml': text, 'p.yaml': platform }).lines
  test.each([
    ['an unknown key', shop.replace('classify:', 'clasify:'), 'x.yaml:6:1: error: unknown key `clasify`; did you mean `classify`?'],
    ['an unknown key of a rule', role('{ alow: [select], connection: shop, on: [public.a] }'), 'x.yaml:6:7: error: unknown key `alow`; did you mean `allow`?'],
    ['an unknown key of an approval', role('{ allow: [select], connection: shop, on: [public.a], approval: { by: [x], quorm: 2 } }'), 'error: unknown key `quorm`; did you mean `quorum`?'],
    ['an unknown action', role('{ allow: [select, selct], connection: shop, on: [public.a] }'), 'x.yaml:6:23: error: `selct` is not known here; did you mean `select`?'],
    ['an unknown kind', shop.replace('connection', 'conection'), 'x.yaml:2:7: error: `kind` is one of `issuer`, `connection`, `role`, `notify` and `audit`'],
    ['an unknown mask', `${shop}mask: { pii.email: mail }\n`, 'x.yaml:8:20: error: `mail` is not known here; did you mean `email`?'],
    ['a column without its schema', shop.replace('public.customers', 'customers'), 'x.yaml:7:3: error: a column is `schema.table.column`'],
    ['a missing key', role('{ allow: [select], on: [public.a] }'), 'x.yaml:6:5: error: `connection` is missing'],
    ['a bad duration', role('{ allow: [select], connection: shop, on: [public.a], approval: { by: [x], within: 30 minutes } }'), 'error: a duration is a number and `ms`, `s`, `m` or `h`'],
    ['a bad member', role('{ allow: [select], connection: shop, on: [public.a] }').replace('{ group: g }', '{ gruop: g }'), 'x.yaml:4:11: error: a member is `group: NAME`, `subject: agent:NAME` or `everyone: true`'],
    ['a bad subject', role('{ allow: [select], connection: shop, on: [public.a] }').replace('{ group: g }', '{ subject: bob }'), 'error: a subject is `user:…` or `agent:…`'],
    ['another version', shop.replace('version: 1', 'version: 2'), 'x.yaml:1:10: error: `2` is not known here; there is `1`'],
  ])('%s is told with its place and the fix', (_, text, expected) => expect(of(text).join('\n')).toContain(expected))
})

describe('meaning', () => {
  const base = 'connection: shop, on: [public.a]'
  test('a sound rule is not complained of', () => expect(ruled(`{ allow: [select], ${base} }`)).toEqual([]))
  test.each([
    [`{ allow: [select], deny: [insert], ${base} }`, 'r.yaml:6:24: error: a rule says one of `allow`, `deny` and `ask`'],
    [`{ ${base} }`, 'r.yaml:6:5: error: this rule does nothing'],
    ['{ allow: [select], connection: shop }', 'error: an `allow` needs `on`'],
    [`{ ask: [write], ${base} }`, 'error: an `ask` needs `approval`'],
    [`{ deny: [write], ${base}, approval: { by: [x] } }`, 'error: a `deny` takes no `approval`'],
    [`{ deny: [select], reveal: [pii.email], ${base} }`, 'error: `reveal` stands beside `allow` or alone'],
    [`{ deny: [select], ${base}, limits: { rows: 1 } }`, 'error: `limits` belong to what allows'],
    [`{ allow: [insert], ${base}, through: true }`, 'error: `through` covers what a view reads'],
    [`{ allow: [select, insert], ${base}, columns: [id] }`, 'error: `columns` covers reads only, and this rule also names `insert`'],
    [`{ allow: [select], ${base}, approval: { by: ["agent:x"] } }`, 'error: `agent:x` is an agent, and agents never decide'],
    ['{ allow: [select], connection: shp, on: [public.a] }', 'error: there is no connection `shp`; did you mean `shop`?'],
    ['{ allow: [select], connection: [shop, sluice], on: [public.a] }', 'error: `sluice` is the gate itself'],
    ['{ allow: [select], connection: sluice, on: [audit] }', 'error: `select` is nothing the gate itself offers'],
    ['{ allow: [read], connection: sluice, on: [audt] }', 'error: `audt` is none of the gate\'s own; did you mean `audit`?'],
    ['{ allow: [apply], connection: sluice, on: [audit] }', 'warning: of `audit` there is only `read`'],
    [`{ allow: [read], ${base} }`, 'error: `read` belongs to the gate itself'],
    ['{ allow: [select], connection: shop, on: [orders] }', 'error: `orders` needs its schema, such as `public.orders`'],
    ['{ allow: [select], connection: shop, on: [public.orders.id] }', 'error: `public.orders.id` has too many parts'],
    ['{ allow: [select], connection: shop, on: ["*.*"] }', 'warning: `*.*` covers every table there is and every one there will be'],
    ['{ deny: [select], connection: shop, on: ["*.*"] }', 'warning: `*.*` does not reach the engine\'s own schemas'],
    [`{ allow: [select], ${base}, when: subjct.kind == "agent" }`, 'r.yaml:6:64: error: the condition is not sound: unknown variable: subjct'],
    [`{ allow: [select], ${base}, when: 'subject.kin == "agent"' }`, 'r.yaml:6:73: error: the condition is not sound: no such key: kin'],
    [`{ allow: [select], ${base}, when: actor.knd == "x" }`, 'error: the condition is not sound: an actor has no `knd`'],
    [`{ allow: [select], ${base}, when: subject.id }`, 'error: the condition is not sound: gives `string`'],
    [`{ allow: [select], ${base}, when: resource.matches("a") }`, 'error: the condition is not sound: `matches` is not offered'],
    [`{ allow: [select], ${base}, when: context.purpose == "x" }`, 'warning: this rests on `context.purpose` alone'],
    [`{ reveal: [pii.emial], ${base} }`, 'warning: no column there is of class `pii.emial`; did you mean `pii.email`?'],
    [`{ allow: [select], ${base}, limits: { rows: 5000 } }`, 'warning: the connection `shop` ends at 1000'],
    [`{ allow: [select], ${base}, limits: { timeout: 1m } }`, 'warning: the connection `shop` ends at 10s'],
  ])('%s', (rule, expected) => expect(ruled(rule).join('\n')).toContain(expected))
  test('a purpose beside something proven is fine, and so is the clock', () => {
    expect(ruled(`{ allow: [select], ${base}, when: 'subject.kind == "user" && context.purpose == "x"' }`)).toEqual([])
    expect(ruled(`{ allow: [select], ${base}, when: context.time.getHours() < 18 }`)).toEqual([])
  })
  test('one name, one document', () => {
    expect(check({ 'a.yaml': shop, 'b.yaml': shop, 'p.yaml': platform }).lines).toEqual(['b.yaml:3:7: error: the connection `shop` is also in a.yaml; a name is used once'])
  })
  test('a connection without secrets, with both, with one', () => {
    const secrets = 'secrets: { write: shop-write, read: shop-read, plain: shop-plain }'
    const of = (text: string) => check({ 'shop.yaml': shop.replace(secrets, text), 'p.yaml': platform }).lines.join('\n')
    expect(of('searchPath: [public]')).toContain('error: the connection has no `secrets`')
    expect(of(`secret: s\n${secrets}`)).toContain('shop.yaml:5:1: error: both `secret` and `secrets`')
    expect(of('secret: s')).toContain('shop.yaml:5:1: warning: one `secret` for everything')
  })
  test('a private target has secrets of its own, whatever its engine is', () => {
    const apart = (more: string) => shop.replace('name: shop', 'name: ledger\ntransport: private').replace('secrets: { write: shop-write, read: shop-read, plain: shop-plain }', more)
    const of = (text: string) => check({ 'ledger.yaml': text, 'shop.yaml': shop, 'p.yaml': platform }).lines
    expect(of(apart('secrets: { write: ledger-write, read: ledger-read }'))).toEqual([])
    expect(of(apart('secrets: { write: shop-write, read: ledger-read }'))).toEqual(['ledger.yaml:4:1: error: the secret `shop-write` is also of connection `shop`, which is not private; a private target has a secret of its own'])
    expect(of(apart('secrets: { read: ledger-read }').replace('private', 'vpc')).join()).toContain('ledger.yaml:4:12: error: `vpc` is not known here; there is `private`')
    const cluster = (secret: string) => of(`version: 1\nkind: connection\nname: ledger\ntransport: private\nengine: kubernetes\nsecret: ${secret}\nserviceAccounts: { platform: a/b }\n`)
    expect(cluster('ledger-kubeconfig')).toEqual([])
    expect(cluster('shop-read').join()).toContain('the secret `shop-read` is also of connection `shop`')
  })
  test('a mask for a class that no column has', () => {
    expect(check({ 'shop.yaml': `${shop}mask: { pii.mail: email }\n`, 'p.yaml': platform }).lines).toEqual(['shop.yaml:8:9: error: no column is of class `pii.mail`; did you mean `pii.email`?'])
  })
  const issuer = (name: string, subject: string, accept = 'g') => `version: 1\nkind: issuer\nname: ${name}\nissuer: https://${name}.example\naudience: a\ngroups: { claim: groups, accept: [${accept}, platform] }\nagents: { subject: "${subject}" }\n`
  test('two issuers that can yield one subject', () => {
    expect(check({ 'a.yaml': issuer('a', 'agent:{sub}'), 'b.yaml': issuer('b', 'agent:{client_id}'), 'p.yaml': platform }).lines.join('\n')).toContain('b.yaml:7:20: error: a token of this issuer could name a subject of `a`')
    expect(check({ 'a.yaml': issuer('a', 'agent:a/{sub}'), 'b.yaml': issuer('b', 'agent:b/{sub}'), 'p.yaml': platform }).lines).toEqual([])
  })
  test('two documents of one issuer', () => {
    expect(check({ 'a.yaml': issuer('a', 'agent:a/{sub}'), 'b.yaml': issuer('b', 'agent:b/{sub}').replace('b.example', 'a.example'), 'p.yaml': platform }).lines.join('\n')).toContain('error: the issuer `a` has the same address')
  })
  test('a group that no issuer lets through', () => {
    const rule = '{ allow: [select], connection: shop, on: [public.a], approval: { by: [led] } }'
    expect(check({ 'a.yaml': issuer('a', 'agent:{sub}', 'lead'), 'shop.yaml': shop, 'p.yaml': platform, 'r.yaml': role(rule) }).lines).toEqual([
      expect.stringContaining('r.yaml:4:20: warning: no issuer accepts the group `g`, so nobody has the role by it'),
      expect.stringContaining('warning: no issuer accepts the group `led`, so nobody could approve by it; did you mean `lead`?'),
    ])
  })
  test('a policy after which nobody could apply another', () => {
    expect(check({ 'shop.yaml': shop }).lines).toEqual([expect.stringContaining('warning: no rule of this policy allows anyone to apply the next one')])
  })
})
