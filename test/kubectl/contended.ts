import { expect, it } from 'vitest'
import type { World } from '../support/ports.ts'
import type { Client } from '../local/cluster.ts'

/** Thirty callers write one object in the same moment, each its own part of it: through the gate all of them get on, as they do without it. */
export interface Contended { readonly admin: Client; readonly through: Client; readonly world: World }

const maps = '/api/v1/namespaces/web/configmaps'
const deployments = '/apis/apps/v1/namespaces/web/deployments'
const kind = (name: string) => ({ 'content-type': `application/${name}` })
const labels = { app: 'busy' }
const many = 30
/** The `i`-th caller's write of its own part. */
type Write = (i: number) => Parameters<Client>
const ways: readonly { readonly way: string; readonly write: Write; readonly part: (object: Awaited<ReturnType<Client>>['body'], i: number) => unknown }[] = [
  { way: 'merge patches', write: (i) => ['PATCH', `${maps}/busy`, { metadata: { labels: { [`m${i}`]: 'v' } } }, kind('merge-patch+json')], part: (object, i) => object['metadata']?.['labels']?.[`m${i}`] },
  { way: 'strategic merge patches', write: (i) => ['PATCH', `${deployments}/busy`, { metadata: { annotations: { [`s${i}`]: 'v' } } }, kind('strategic-merge-patch+json')], part: (object, i) => object['metadata']?.['annotations']?.[`s${i}`] },
  { way: 'json patches', write: (i) => ['PATCH', `${maps}/busy`, [{ op: 'add', path: `/metadata/annotations/j${i}`, value: 'v' }], kind('json-patch+json')], part: (object, i) => object['metadata']?.['annotations']?.[`j${i}`] },
  { way: 'applies', write: (i) => ['PATCH', `${maps}/busy?fieldManager=f${i}`, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'busy' }, data: { [`k${i}`]: 'v' } }, kind('apply-patch+yaml')], part: (object, i) => object['data']?.[`k${i}`] },
]

export function contended(at: () => Contended): void {
  async function made({ admin }: Contended): Promise<void> {
    await admin('DELETE', `${maps}/busy`)
    await admin('DELETE', `${deployments}/busy`)
    const answers = [
      await admin('POST', maps, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'busy', labels, annotations: { a: 'b' } } }),
      await admin('POST', deployments, { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'busy', labels }, spec: { replicas: 0, selector: { matchLabels: labels }, template: { metadata: { labels }, spec: { containers: [{ name: 'a', image: 'acme/busy:1' }] } } } }),
    ]
    expect(answers.map(({ status }) => status)).toEqual([201, 201])
  }
  /** Those written, by status; what is on record as done. */
  async function together({ through, world }: Contended, write: Write): Promise<{ readonly statuses: readonly number[]; readonly done: number }> {
    const before = world.events.length
    const answers = await Promise.all(Array.from({ length: many }, (_, i) => through(...write(i))))
    return { statuses: answers.map(({ status }) => status), done: world.events.slice(before).filter((event) => event.kind === 'outcome' && event.status === 'succeeded').length }
  }
  const all = { statuses: Array.from({ length: many }, () => 200), done: many }

  it.each(ways)('$way of one object in one moment all get on, each on record once', async ({ write, part }) => {
    await made(at())
    expect(await together(at(), write)).toEqual(all)
    const { body } = await at().admin('GET', String(write(0)[1]).split('?')[0] ?? '')
    expect(Array.from({ length: many }, (_, i) => part(body, i))).toEqual(Array.from({ length: many }, () => 'v'))
  })
  it('so do all of these at once, and scales', async () => {
    await made(at())
    const scale: Write = (i) => ['PATCH', `${deployments}/busy/scale`, { spec: { replicas: i % 2 } }, kind('merge-patch+json')]
    expect(await together(at(), (i) => (i % 5 === 4 ? scale : ways[i % 5]?.write ?? scale)(i))).toEqual(all)
  })
}
