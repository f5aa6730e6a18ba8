import { expect, it } from 'vitest'
import type { Client } from '../../local/cluster.ts'
import { apply, asked, json, merge } from './forms.ts'
import { maps, secrets, until, widgets, type Stand } from './stand.ts'
import { startWebhook, type Verdict } from './webhook.ts'

const canary = 'canary7f3e9d'
const b64 = (text: string) => Buffer.from(text).toString('base64')
/** As it is, as base64, and as base64 that begins a byte later or ends a byte sooner: what a message quotes of a body is cut anywhere. */
const forms = [canary.slice(1, -1), b64(canary).slice(2, -4), b64(` ${canary}`).slice(2, -4), b64(`  ${canary}`).slice(3, -4), Buffer.from(canary).toString('hex')]
const shown = (text: string): readonly string[] => forms.filter((form) => text.includes(form))

export function canaries(at: () => Stand): void {
  everyForm(at)
  stricter(at)
  webhooks(at)
}

/** On any cluster that knows widgets, through a gate under stand.ts's policy. */
export function everyForm(at: () => Pick<Stand, 'admin' | 'gated' | 'through'>): void {
  const note = (applied: object) => ({ note: canary, 'kubectl.kubernetes.io/last-applied-configuration': JSON.stringify(applied) })
  it.each([
    ['a Secret', secrets, { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'held', annotations: note({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'held' }, stringData: { p: canary } }) }, data: { p: b64(canary), q: b64(` ${canary}`), r: b64(`  ${canary}`) } }],
    ['an immutable Secret', secrets, { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'fixed', annotations: note({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'fixed' }, data: { p: b64(canary) } }) }, data: { p: b64(canary) }, immutable: true }],
    ['a Secret with a form of its own', secrets, { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'docker' }, type: 'kubernetes.io/dockerconfigjson', data: { '.dockerconfigjson': b64(JSON.stringify({ auths: { 'acme.dev': { auth: canary } } })) } }],
    ['what a policy classifies of a ConfigMap', maps, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'held', annotations: note({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'held' }, data: { tint: canary } }) }, data: { tint: canary, plain: 'plain' } }],
    ['what a policy classifies of a custom resource', widgets, { apiVersion: 'acme.io/v1', kind: 'Widget', metadata: { name: 'held', annotations: note({ apiVersion: 'acme.io/v1', kind: 'Widget', metadata: { name: 'held' }, spec: { key: canary } }) }, spec: { key: canary, size: 1, tags: [canary, `${canary}-2`], pairs: [{ id: canary, v: 'x' }] } }],
  ])('of %s: in no verb, form, refusal or record', async (_, where, object) => {
    const { admin, gated, through } = at()
    const { name } = object.metadata
    expect((await admin('POST', where, object)).status).toBe(201)
    const from = gated.world.events.length
    const bare = { apiVersion: object.apiVersion, kind: object.kind }
    const leaks: string[] = []
    let quoted = 0
    const troubled: string[] = []
    const statuses = new Map<number, number>()
    for (const [method, target, body, headers] of asked(where, name, bare)) {
      const { status, text, headers: heads } = await through(method, target, body, headers)
      statuses.set(status, (statuses.get(status) ?? 0) + 1)
      if (status > 500) troubled.push(`${method} ${target} ${JSON.stringify(body)}: ${text.slice(0, 300)}`)
      const found = shown(`${text} ${JSON.stringify(heads)}`)
      if (found.length > 0) leaks.push(`${method} ${target} ${JSON.stringify(body)}: ${status} ${text.slice(0, 600)}`)
      if (method === 'PATCH' && status >= 400 && shown((await admin(method, target, body, headers)).text).length > 0) quoted++
    }
    expect(leaks.map((leak) => leak.slice(0, 200))).toEqual([])
    expect(troubled).toEqual([])
    expect(shown(JSON.stringify(gated.world.events.slice(from)))).toEqual([])
    expect(statuses.get(200)).toBeGreaterThan(10)
    expect(quoted).toBeGreaterThan(5)                                      // of its refusals the server itself quotes in so many
    expect((await admin('GET', `${where}/${name}`)).text).toContain(where === secrets ? '"data"' : canary)                // it lives
    expect((await through('DELETE', where)).text).not.toContain(canary)
  })
}

function stricter(at: () => Stand): void {
  it('not where a stricter schema makes the server quote what has been there all along', async () => {
    const { admin, gated, through } = at()
    const made = await admin('POST', widgets, { apiVersion: 'acme.io/v1', kind: 'Widget', metadata: { name: 'old' }, spec: { key: canary, tags: [canary], pairs: [{ id: canary }] } })
    expect([made.status, made.text]).toEqual([201, expect.stringContaining(canary)])
    const path = '/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties'
    const changes = [{ op: 'add', path: `${path}/key/enum`, value: ['a'] }, { op: 'add', path: `${path}/tags/items/maxLength`, value: 3 }, { op: 'add', path: `${path}/pairs/items/properties/id/pattern`, value: '^a$' }]
    const crd = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.acme.io'
    expect((await admin('PATCH', crd, changes, json)).status).toBe(200)
    const asked = (): Promise<Awaited<ReturnType<Client>>> => admin('PATCH', `${widgets}/old?dryRun=All`, { metadata: { labels: { a: 'b' } } }, merge)
    expect(await until(async () => (await asked()).text.includes(`Unsupported value: \\"${canary}`))).toBe(true)           // the server does quote it
    const from = gated.world.events.length
    for (const [target, body, type] of [['', { metadata: { labels: { a: 'b' } } }, merge], ['?dryRun=All', { metadata: { labels: { a: 'b' } } }, merge], ['?fieldManager=me&force=true', { apiVersion: 'acme.io/v1', kind: 'Widget', metadata: { name: 'old', labels: { a: 'b' } } }, apply], ['', [{ op: 'add', path: '/metadata/labels', value: { a: 'b' } }], json]] as const) {
      const { status, text } = await through('PATCH', `${widgets}/old${target}`, body, type)
      expect([status, shown(text)]).toEqual([422, []])
    }
    expect(shown(JSON.stringify(gated.world.events.slice(from)))).toEqual([])
    await admin('PATCH', crd, changes.map(({ path }) => ({ op: 'remove', path })), json)
  })
}

function webhooks(at: () => Stand): void {
  it('nor where an admission webhook quotes it, in a refusal or a warning', async () => {
    const { admin, gated, through } = at()
    const state = { verdict: (object: unknown): Verdict => ({ allowed: true, warnings: [`seen: ${JSON.stringify(object)}`.slice(0, 200)] }) }
    const webhook = await startWebhook(admin, (object) => state.verdict(object))
    try {
      await admin('POST', secrets, { metadata: { name: 'hooked' }, stringData: { p: canary } })
      await admin('POST', widgets, { apiVersion: 'acme.io/v1', kind: 'Widget', metadata: { name: 'hooked' }, spec: { key: canary } })
      await webhook.register(['secrets', 'widgets', 'services'])
      const label = { metadata: { labels: { a: String(Date.now()) } } }
      state.verdict = (object) => ({ allowed: true, warnings: [canary, `seen: ${Buffer.from(JSON.stringify(object)).toString('base64').slice(0, 80)}`] })
      const bare = () => admin('PATCH', `${secrets}/hooked?dryRun=All`, label, merge)
      expect(await until(async () => JSON.stringify((await bare()).headers['warning'] ?? '').includes(canary))).toBe(true)
      for (const one of [`${secrets}/hooked`, `${widgets}/hooked`]) {
        const { status, text, headers } = await through('PATCH', one, label, merge)
        expect([status, shown(text + JSON.stringify(headers))]).toEqual([200, []])
      }
      state.verdict = (object) => ({ allowed: false, message: `no: ${JSON.stringify(object)} ${canary}` })
      expect(shown((await bare()).text)).not.toEqual([])
      const from = gated.world.events.length
      for (const one of [`${secrets}/hooked`, `${widgets}/hooked`]) {
        for (const target of [one, `${one}?dryRun=All`]) {
          const { status, text, headers } = await through('PATCH', target, label, merge)
          expect([status, shown(text + JSON.stringify(headers))]).toEqual([422, []])
        }
        expect([422, 404]).toContain((await through('DELETE', one)).status)
      }
      expect(shown(JSON.stringify(gated.world.events.slice(from)))).toEqual([])
      // Of a kind without a class its words are the caller's to read.
      expect((await through('PATCH', '/api/v1/namespaces/web/services/front', label, merge)).text).toContain('admission webhook')
    } finally {
      await webhook.close()
    }
  })
}
