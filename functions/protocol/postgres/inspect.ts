import type { Finding, PolicyName } from '../protocol.ts'
import { parts, patterned } from '../resource.ts'
import type { Catalog, Relation } from './catalog.ts'
import { isUsers } from './describe.ts'

/**
 * A policy's names on the live target. A name that names nothing protects nothing: an error where it was to protect (`classify`, `deny`), unless
 * it says `optional`; a warning where it only allows.
 */
export function inspect(catalog: Catalog, names: readonly PolicyName[]): readonly Finding[] {
  return names.flatMap((name) => findingsOf(catalog, name))
}

function findingsOf(catalog: Catalog, { from, name, columns, optional }: PolicyName): Finding[] {
  switch (from) {
    case 'classify': {
      const [schema = '', table = '', column = ''] = name.split('.')
      const relation = catalog.schemas.get(schema)?.relations.get(table)
      // `schema.function.column`, of the function's own name where it returns one value: what a call of it gives back.
      if (relation === undefined && [...catalog.functions.values()].some((one) => one.schema === schema && one.name === table && (one.outs.length > 0 ? one.outs.some((out) => out.name === column) : column === table))) return []
      if (relation === undefined) return missing(optional, 'error', name, `there is no relation \`${schema}.${table}\``)
      return relation.columns.some((one) => one.name === column) ? [] : missing(optional, 'error', name, `\`${schema}.${table}\` has no column \`${column}\`: the table is closed until this entry is gone or right`)
    }
    case 'deny': return resources(catalog, name) ? [] : missing(optional, 'error', name, `\`${name}\` names nothing on the target, so it denies nothing`)
    case 'on': return resources(catalog, name) ? [] : missing(optional, 'warning', name, `\`${name}\` names nothing on the target`)
    case 'columns': {
      const relations = matching(catalog, name)
      return (columns ?? []).filter((column) => !relations.some((relation) => relation.columns.some((one) => patterned(column).test(one.name))))
        .flatMap((column) => missing(optional, 'error', name, `no relation that \`${name}\` names has a column \`${column}\``))
    }
  }
}
const missing = (optional: boolean, level: Finding['level'], name: string, message: string): Finding[] => (optional ? [] : [{ level, name, message }])

/** `schema.name` with `*` for any run of characters inside a part. Functions count, for `call`. */
function resources(catalog: Catalog, pattern: string): boolean {
  const [schema, name] = parts(pattern)
  if (matching(catalog, pattern).length > 0) return true
  if ([...catalog.functions.values()].some((one) => isUsers(one) && schema.test(one.schema) && name.test(one.name))) return true
  // A whole schema may be named before anything is in it.
  return pattern.endsWith('.*') && [...catalog.schemas.keys()].some((one) => schema.test(one))
}
function matching(catalog: Catalog, pattern: string): Relation[] {
  const [schema, name] = parts(pattern)
  const system = !pattern.startsWith('*')
  return [...catalog.relations.values()].filter((one) => schema.test(one.schema) && name.test(one.name) && (system || isUsers(one)))
}
