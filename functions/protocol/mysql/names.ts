import type { Span } from '../../../schema/refusal.ts'
import { missing, unsupported, withheld } from '../refused.ts'
import type { Call, Name, Procedure, Table } from './ast.ts'
import { functionNames, whyNot } from './builtins.ts'
import { tableKey, type Relation, type Routine } from './catalog.ts'
import { isSystem, spanIn, type Findings, type Frame } from './effects.ts'
import { insteadOf } from './instead.ts'

/**
 * Names → objects. What is printed is qualified and as the catalog spells it, so nothing of the session decides what a name means: neither the current database nor, where tables are compared without
 * case, how a name was written.
 */
const systemTable = (schema: string, span: Span | null) => unsupported('system_schema', `\`${schema}\` tells of the server and of others' tables and is closed; what you may see is in \`information_schema\` under \`tables\`, \`columns\`, \`statistics\`, \`key_column_usage\`, \`table_constraints\`, \`referential_constraints\`, \`schemata\` and \`views\`, and SHOW and DESCRIBE tell it`, span)

function schemaOf(frame: Frame, schema: Name | null, span: Span | null): string {
  if (schema === null && frame.schema === '') throw unsupported('no_schema', 'the connection says no `searchPath`, so every table is written with its database: `shop.orders`', span)
  return schema?.text ?? frame.schema
}

/** The relation a name means; a missing one counts as an access first, so that who may not name it learns nothing. */
export function findRelation(found: Findings, frame: Frame, node: Pick<Table, 'schema' | 'name' | 'span'>, action: 'select' | 'insert' | 'update' | 'delete'): Relation {
  const span = spanIn(frame, node.span)
  const schema = schemaOf(frame, node.schema, span)
  const { text } = node.name
  if (isSystem(schema)) throw systemTable(schema, span)
  const entry = found.catalog.schemas.get(tableKey(found.catalog, schema))
  const relation = entry?.relations.get(tableKey(found.catalog, text))
  if (!relation) {
    found.access(action, entry?.name ?? schema, text, frame, span, action === 'select')
    throw missing('42S02', `there is no table \`${schema}.${text}\``, span)
  }
  const read = () => found.access(action, relation.schema, relation.name, frame, span, action === 'select')
  if (relation.kind === 'other') {
    read()
    throw withheld('unknown_table', `\`${relation.schema}.${relation.name}\` is neither a plain table nor a view; what reading it does is not certain`, span)
  }
  const gone = found.classes.closed(relation)
  if (gone !== null) {
    read()
    throw withheld('classification_stale', frame.view ? `\`${frame.via[0] ?? ''}\` reads a table that is closed until the connection's policy is mended` : `\`${relation.schema}.${relation.name}\` is closed: the connection classifies a column \`${gone}\` it does not have; it opens when \`classify\` names the columns that are there`, span)
  }
  return relation
}

/** A built-in function, or a routine of the target's own: null for the first. A name without a schema is the server's own function wherever there is one. */
export function findFunction(found: Findings, frame: Frame, node: Call): Routine | null {
  const span = spanIn(frame, node.span)
  const name = node.name.text.toLowerCase()
  if (node.schema === null && functionNames.has(name)) {
    // A server that has no such function (the two differ in some) takes a routine of that name in its current database.
    if ([...found.catalog.schemas.values()].some(({ functions }) => functions.has(name))) throw unsupported('ambiguous_name', `\`${name}()\` may be the server's function or a routine of the target's; the second is written with its schema, the first cannot be used here`, span)
    return null
  }
  const why = node.schema === null ? whyNot(name) : null
  if (why !== null) throw unsupported('unknown_function', `\`${name}\` is not available through the gate: it ${why}`, span)
  return routine(found, frame, node.schema, node.name, 'functions', span)
}
export const findProcedure = (found: Findings, frame: Frame, node: Procedure): Routine => routine(found, frame, node.schema, node.name, 'procedures', spanIn(frame, node.span))

function routine(found: Findings, frame: Frame, place: Name | null, name: Name, kind: 'functions' | 'procedures', span: Span | null): Routine {
  const schema = schemaOf(frame, place, span)
  if (isSystem(schema)) throw unsupported('unknown_function', `routines of \`${schema}\` are not available through the gate`, span)
  const entry = found.catalog.schemas.get(tableKey(found.catalog, schema))
  const known = entry?.[kind].get(name.text.toLowerCase())
  // Access first, whether it is there or not: both are told alike to who may not call it.
  found.call(entry?.name ?? schema, known?.name ?? name.text, frame, span)
  const instead = insteadOf(name.text)
  if (!known) throw missing('42000', `function \`${name.text}\` is neither one of the server's that the gate knows to be harmless nor one of \`${schema}\`${instead === undefined ? '' : `; here it is ${instead}`}`, span)
  found.routines.set(JSON.stringify([known.schema, known.name]), known)
  return known
}
