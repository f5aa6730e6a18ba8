import type { ActionName } from '../../schema/policy.ts'
import type { Access, Effects } from '../../schema/effects.ts'
import type { Output } from '../../functions/protocol/postgres/plan.ts'
import type { Reached, Said } from '../support/oracle.ts'
import type { Names, Routine } from './names.ts'

/** What the comparison takes as said without an access of its own: a built-in function the analysis lets every statement call. */
export type Allowed = (routine: Routine) => boolean

/**
 * What the server reaches and the analysis did not say, one line each; empty when the server's set is a subset. A column list of null
 * or a view's own access never stands for the base table: each relation the server names must have its access.
 */
export function unsaid(said: Said, names: Names, effects: Effects, allowed: Allowed): string[] {
  const missing: string[] = []
  for (const [oid, reached] of said.relations) {
    const relation = names.relations.get(oid)
    if (relation === undefined) missing.push(`relation ${oid} has no name`)
    else missing.push(...ofRelation(relation.name, reached, (attribute) => columnsOf(attribute, relation.columns), effects.accesses))
  }
  for (const routine of names.functions.values()) {
    const resource = `${routine.schema}.${named(routine)}`
    if (names.defaults.has(routine.oid)) continue
    if (effects.accesses.some((access) => access.action === 'call' && access.resource === resource)) continue
    if (!routine.builtin || !allowed(routine)) missing.push(`call ${resource} (${routine.behind})`)
  }
  const writes = [...said.commands].some((command) => command >= 2 && command <= 5)
  if (effects.readOnly && writes) missing.push('a write in a statement called read-only')
  if (effects.readOnly && [...said.relations.values()].some(({ lock }) => lock)) missing.push('a row lock in a statement called read-only')
  return missing
}

/** A cast to or from a type that looks names up is said by the type's name, however the server performs it. */
const named = ({ builtin, name }: Routine): string => builtin ? name.replace(/^(reg[a-z]+?)(in|out)$/, '$1') : name

function* ofRelation(resource: string, reached: Reached, columns: (attribute: number) => readonly string[], accesses: readonly Access[]): Generator<string> {
  const of = (...actions: readonly ActionName[]) => accesses.filter((access) => access.resource === resource && actions.includes(access.action))
  if (reached.insert && of('insert').length === 0) yield `insert ${resource}`
  if (reached.delete && of('delete').length === 0) yield `delete ${resource}`
  // FOR UPDATE asks the server for the permission to update and writes nothing.
  if (reached.update && of('update', ...(reached.lock && reached.write.size === 0 ? ['lock' as const] : [])).length === 0) yield `update ${resource}`
  const reads = of('select')
  // The server asks for SELECT wherever RETURNING or ON CONFLICT might read; only a column is a read for certain in a write.
  if (reached.select && reads.length === 0 && (reached.read.size > 0 || !(reached.insert || reached.update || reached.delete))) yield `select ${resource}`
  if (reads.length === 0) return
  const known = new Set(reads.flatMap((access) => access.columns ?? []))
  const unread = [...new Set([...reached.read].flatMap(columns))].filter((column) => !known.has(column))
  if (unread.length > 0) yield `select ${resource} (${unread.sort().join(', ')})`
}

/** Attribute 0 is the whole row. The oid of the row's own table says nothing that naming the table did not. */
function columnsOf(attribute: number, columns: ReadonlyMap<number, string>): readonly string[] {
  if (attribute === 0) return [...columns].filter(([number]) => number > 0).map(([, name]) => name)
  return [columns.get(attribute) ?? `attribute ${attribute}`]
}

/**
 * Where the server's columns are not what the plan says comes back: number, names, and the origin that RowDescription will report. Execution
 * compares the same and withholds the answer, so a line here is honest work refused with an alarm, not a leak.
 */
export function unconfirmed(said: Said, outputs: readonly Output[] | null): string[] {
  const expected = outputs ?? []
  if (expected.length !== said.outputs.length) return [`${expected.length} outputs said, ${said.outputs.length} come`]
  return said.outputs.flatMap(({ relation, column, name }, index) => {
    const { name: other, origin } = expected[index]!
    const lines = name !== null && other !== name ? [`output ${index} is called \`${name}\`, said \`${other}\``] : []
    const from = origin ?? { relation: 0, column: 0 }
    return from.relation === relation && from.column === column ? lines : [...lines, `output ${index} comes from ${relation}/${column}, said ${from.relation}/${from.column}`]
  })
}
