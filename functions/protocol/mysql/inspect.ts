import type { Finding, PolicyName } from '../protocol.ts'
import { parts, patterned } from '../resource.ts'
import { columnKey, systemSchemas, type Catalog, type Relation } from './catalog.ts'
import { relationsOf } from './describe.ts'

/**
 * A policy's names on the live target. A name that names nothing protects nothing: an error where it was to protect (`classify`, `deny`), unless it says `optional`; a warning where it only allows. Spelled as
 * the server spells them, and compared as rules are: with case. Columns of `classify` are the exception, which is read without.
 */
export function inspect(catalog: Catalog, names: readonly PolicyName[]): readonly Finding[] {
  return names.flatMap((name) => findingsOf(catalog, name))
}

function findingsOf(catalog: Catalog, { from, name, columns, optional }: PolicyName): Finding[] {
  switch (from) {
    case 'classify': {
      const [schema = '', table = '', column = ''] = name.split('.')
      const relation = relationsOf(catalog).find((one) => one.schema === schema && one.name === table)
      if (relation === undefined && table === column && routinesOf(catalog).some((one) => one.schema === schema && one.name === table)) return []   // what a routine returns
      if (relation === undefined) return missing(optional, 'error', name, `there is no table or view \`${schema}.${table}\``)
      return has(relation, column) ? [] : missing(optional, 'error', name, `\`${schema}.${table}\` has no column \`${column}\`: the table is closed until this entry is gone or right`)
    }
    case 'deny': return resources(catalog, name) ? [] : missing(optional, 'error', name, `\`${name}\` names nothing on the target, so it denies nothing`)
    case 'on': return resources(catalog, name) ? [] : missing(optional, 'warning', name, `\`${name}\` names nothing on the target`)
    case 'columns': {
      const relations = matching(catalog, name)
      return (columns ?? []).filter((column) => !relations.some((relation) => relation.columns.some((one) => patterned(column).test(one.name)))).flatMap((column) => missing(optional, 'error', name, `no table or view that \`${name}\` names has a column \`${column}\`${alike(relations, column)}`))
    }
  }
}
const missing = (optional: boolean, level: Finding['level'], name: string, message: string): Finding[] => (optional ? [] : [{ level, name, message }])
const has = ({ columns }: Relation, name: string): boolean => columns.some((one) => columnKey(one.name) === columnKey(name))
/** A rule that says `SSN` meets no column `ssn`, though the server would. */
function alike(relations: readonly Relation[], name: string): string {
  const other = relations.flatMap(({ columns }) => columns).find((one) => columnKey(one.name) === columnKey(name))
  return other === undefined ? '' : `; write it as the server does: \`${other.name}\``
}

/** Routines count, for `call`, and so do triggers, which are called by name. */
function resources(catalog: Catalog, pattern: string): boolean {
  const [schema, name] = parts(pattern)
  if (matching(catalog, pattern).length > 0) return true
  const named = [...routinesOf(catalog), ...relationsOf(catalog).flatMap(({ triggers }) => triggers ?? [])]
  if (named.some((one) => schema.test(one.schema) && name.test(one.name))) return true
  // A whole schema may be named before anything is in it; the server's own are always there.
  return pattern.endsWith('.*') && [...[...catalog.schemas.values()].map((one) => one.name), ...systemSchemas].some((one) => schema.test(one))
}
function matching(catalog: Catalog, pattern: string): Relation[] {
  const [schema, name] = parts(pattern)
  return relationsOf(catalog).filter((one) => schema.test(one.schema) && name.test(one.name))
}
const routinesOf = ({ schemas }: Catalog): readonly { readonly schema: string; readonly name: string }[] => [...schemas.values()].flatMap(({ functions, procedures }) => [...functions.values(), ...procedures.values()])
