import type { ActionName } from '../../schema/policy.ts'
import { actionGroups } from '../../schema/policy.ts'
import type { Description, Ruled } from './protocol.ts'
import { parts } from './resource.ts'

/** What one relation must offer for all that the rules allow; columns without a class are what the plain role may read. */
export interface Need {
  readonly schema: string; readonly name: string; readonly kind: Description['relations'][number]['kind']
  readonly writes: readonly ('INSERT' | 'UPDATE' | 'DELETE' | 'TRUNCATE')[]
  readonly columns: readonly string[]
  readonly plain: readonly string[]
}
const privileges = [['insert', 'INSERT'], ['update', 'UPDATE'], ['delete', 'DELETE'], ['truncate', 'TRUNCATE']] as const

/**
 * Rules and the live catalog → what must be granted, for relations that some rule names and for no other. Whoever the rules give it to: the gate decides
 * per caller, the roles of the target are what it can do at most.
 */
export function needsOf({ relations }: Description, rules: readonly Ruled[]): readonly Need[] {
  return relations.flatMap((relation): Need[] => {
    const actions = actionsOn(`${relation.schema}.${relation.name}`, rules)
    if (![...actions].some((action) => action !== 'call')) return []
    const view = relation.kind === 'view' || relation.kind === 'materialized view'
    return [{
      schema: relation.schema, name: relation.name, kind: relation.kind,
      writes: view ? [] : privileges.filter(([action]) => actions.has(action)).map(([, privilege]) => privilege),
      columns: relation.columns.map((column) => column.name), plain: relation.columns.filter((column) => column.class === null).map((column) => column.name),
    }]
  })
}
export function actionsOn(resource: string, rules: readonly Ruled[]): ReadonlySet<ActionName> {
  const dot = resource.indexOf('.')
  const [place, own] = [resource.slice(0, dot), resource.slice(dot + 1)]
  return new Set(rules.flatMap(({ actions, on }) => on.some((pattern) => { const [schema, name] = parts(pattern); return schema.test(place) && name.test(own) }) ? actions.flatMap(whole) : []))
}
const whole = (action: Ruled['actions'][number]): readonly ActionName[] => (action === 'write' || action === 'ddl' || action === '*' ? actionGroups[action] : [action])
