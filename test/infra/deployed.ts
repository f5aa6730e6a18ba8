import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { entries } from '../../infra/bundle.ts'
import type { Graph, Resource } from './evaluate.ts'

const root = join(import.meta.dirname, '../..')

/** What would be deployed with these variables beside this process' own, by test/infra/evaluate.ts in a process of its own. Rejects with what a deploy would say. */
export async function deployed(env: Readonly<Record<string, string>>, stage: string): Promise<Graph> {
  for (const name of Object.keys(entries)) {
    const folder = join(root, 'dist', name)
    if (existsSync(join(folder, 'index.mjs'))) continue
    mkdirSync(folder, { recursive: true })                            // its content is no part of the graph
    writeFileSync(join(folder, 'index.mjs'), '')
  }
  const { stdout } = await promisify(execFile)(process.execPath, [join(root, 'test/infra/evaluate.ts'), stage], { env: { ...process.env, ...env }, cwd: root, maxBuffer: 64 * 1024 * 1024 })
  return JSON.parse(stdout) as Graph
}

export interface Statement { readonly Effect?: string; readonly effect?: string; readonly Action?: string | string[]; readonly actions?: string[]; readonly Resource?: string | string[]; readonly resources?: string[]; readonly Principal?: unknown; readonly Sid?: string; readonly Condition?: unknown; readonly conditions?: unknown }
/** Of a policy as AWS writes it, or as Pulumi does. */
export function statementsOf(policy: unknown): readonly Statement[] {
  const read = JSON.parse(typeof policy === 'string' ? policy : JSON.stringify(policy)) as { Statement?: Statement[]; statements?: Statement[] }
  return read.Statement ?? read.statements ?? []
}
/** What the role of one function lets it, and keeps it from. */
export function mayOf(resources: readonly Resource[], name: string) {
  const role = resources.find((one) => one.type === 'aws:iam/role:Role' && one.name === `${name}Role`)
  return ((role?.inputs['inlinePolicies'] ?? []) as { policy: string }[]).flatMap(({ policy }) => statementsOf(policy)).map((one) => (
    { effect: one.Effect ?? one.effect, actions: [one.Action ?? one.actions ?? []].flat(), resources: [one.Resource ?? one.resources ?? []].flat(), conditions: one.Condition ?? one.conditions }
  ))
}

/** Texts that are read elsewhere, and would be most of the graph: the state machine (infra/approval.asl.json) and the dashboard's layout. Never a policy, however long: what a role may is what the graph is for. */
const elsewhere: ReadonlySet<string> = new Set(['definition', 'dashboardBody'])
const noise = /^(code|source|sourceCodeHash|asset|4dabf18193072939515e22adb298388d)$/

/** One line a resource, its inputs in one form, without what differs between two machines or two builds. */
export function readable({ resources }: Pick<Graph, 'resources'>): string {
  const plain = (value: unknown): unknown => {
    if (typeof value === 'string' && /^\{"/.test(value)) return plain(JSON.parse(value))          // a policy, as it is and not in escapes
    if (typeof value === 'string') return value.replaceAll(root, '.').replaceAll(/[0-9a-f]{64}/g, '(hash)').replaceAll(/(?<=-\w+(?:Function|Role|Api))-[a-z]{8}(?![a-z])/g, '-(id)')
    if (Array.isArray(value)) return value.map(plain)
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(Object.entries(value).filter(([key]) => !noise.test(key)).sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, member]) => [key, elsewhere.has(key) ? '(long)' : plain(member)]))
  }
  return `${resources.filter(({ type }) => !/^(sst|pulumi)/.test(type) && type !== 'aws:s3/bucketObjectv2:BucketObjectv2').map(({ type, name, inputs }) => `${type} ${name} ${JSON.stringify(plain(inputs))}`).sort().join('\n')}\n`
}
