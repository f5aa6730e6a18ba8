import type { Span } from '../../../schema/refusal.ts'
import { isTrusted, polymorphic } from './builtins.ts'
import type { CatalogFunction } from './catalog.ts'
import type { Findings, Frame } from './effects.ts'
import { findFunctions, isScalar, makeType, scalar, unknown } from './names.ts'

/** A function by name on arguments already walked: what it may do and what may be in its result. Gives the result's type. */
export function apply(found: Findings, frame: Frame, names: readonly string[], args: number, span: Span | null, argumentType: number): number {
  const { builtin, user } = findFunctions(found, frame, names, args, span)
  const types = user.map((fn) => useFunction(found, fn, frame, span))
  if (builtin) types.push(polymorphic.has(names.at(-1) ?? '') ? argumentType : scalar)
  return types.every((type) => isScalar(found, type)) ? scalar : types.length === 1 ? types[0] ?? unknown : unknown
}

/** A function of the target's own: a `call`, and what it gives back may hold any class, unless `classify` says otherwise for its column. */
export function useFunction(found: Findings, fn: CatalogFunction, frame: Frame, span: Span | null): number {
  for (const type of [...fn.takes, fn.returns]) makeType(found, frame, type, span)
  if (isTrusted(fn)) return fn.returns
  found.call(fn, frame, span)
  const columns = fn.outs.length > 0 ? fn.outs.map((out) => out.name) : [fn.name]
  const classes = new Set(columns.flatMap((column) => {
    const vouched = found.classes.returned(`${fn.schema}.${fn.name}.${column}`)
    // In row security it decides which rows come, as the table's owner would have it, and is not seen: a class only where `classify` names one.
    return vouched === undefined ? (frame.policy ? [] : found.classes.all) : vouched === 'none' ? [] : [vouched]
  }))
  found.use([...classes].map((dataClass) => ({ dataClass, resource: `${fn.schema}.${fn.name}`, column: '*' })), `in what ${fn.name}() may return`, span)
  return fn.returns
}
