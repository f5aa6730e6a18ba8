import { deployed, statementsOf } from './deployed.ts'
import type { Graph, Resource } from './evaluate.ts'

/** What is deployed to each stage, as SST's own components make it of sst.config.ts; there once `evaluate` is through. */
export const stages = ['dev', 'production'] as const
export type Stage = (typeof stages)[number]
export const graphs = {} as Record<Stage, Graph>
export const env = { SLUICE_DOMAIN: 'sluice.acme.dev', SLUICE_TARGETS: 'shop-read,shop-write,shop-plain', SLUICE_MAIL_FROM: 'sluice@acme.dev', SLUICE_SLACK: '1', SLUICE_OPERATOR_MAIL: 'operators@acme.dev' }
export async function evaluate(): Promise<void> {
  for (const stage of stages) graphs[stage] = await deployed(env, stage)
}

export const of = (stage: Stage, type: string): readonly Resource[] => graphs[stage].resources.filter((resource) => resource.type === type)
/** Those that are the gate's, without the one at CloudFront's edges. */
export const lambdas = (stage: Stage): readonly Resource[] => of(stage, 'aws:lambda/function:Function').filter(({ name }) => name !== 'Challenge')
export function roleOf(stage: Stage, name: string): Resource {
  const found = of(stage, 'aws:iam/role:Role').find((role) => role.name === `${name}Role`)
  if (!found) throw new Error(`no role of ${name}`)
  return found
}
export const allowed = (role: Resource) => (role.inputs['inlinePolicies'] as { policy: string }[]).flatMap(({ policy }) => statementsOf(policy)).map((statement) => ({ actions: [statement.Action ?? statement.actions ?? []].flat(), resources: [statement.Resource ?? statement.resources ?? []].flat() }))
