import type { Effects, Shown, Used } from '../../schema/effects.ts'
import type { Param, Query, Statement } from '../../schema/request.ts'
import { ok, refuse, type Refusal, type Result } from '../../schema/refusal.ts'
import type { Executed, Plan } from './protocol.ts'
import { heavyParameter, type Weight } from './weight.ts'
import { judgeParameters, type Written } from './writeback.ts'

/**
 * What is true of one statement whatever is bound to it, as statement 0: an engine keeps it by the statement's exact text, because parameters are values and change none of it. What the values of one call make of it is told here,
 * and how several of a batch are one plan.
 */
export interface Facts {
  readonly accesses: Effects['accesses']; readonly shown: readonly Shown[]; readonly used: readonly Used[]; readonly readOnly: boolean
  readonly parameters: number
  /** Parameters that become column values, to be judged with each call. */
  readonly written: readonly Written[]
  readonly heavy: readonly Weight[]
}
/** A statement that is told of only once what was found in it is decided. */
export interface Untold { readonly missing?: Refusal; /** It is not missing there: something in the statement is not known here. */ readonly unknown?: boolean }

/** The facts of each statement of a query. Of a batch a refusal says which statement it is of. */
export async function eachStatement<F>(query: Query, work: (statement: Statement) => Result<F> | Promise<Result<F>>): Promise<Result<F[]>> {
  const all: F[] = []
  for (const [index, statement] of query.statements.entries()) {
    const facts = await work(statement)
    if (!facts.ok) return refuse(placed(query, facts.refusal, index))
    all.push(facts.value)
  }
  return ok(all)
}
const placed = ({ batch }: Query, refusal: Refusal, statement: number): Refusal => (batch ? { ...refusal, statement } : refusal)

/** `textOf`: the text that a parameter is to the target. `textsOf`: what one, by the number it has in `written`, may put into a row. */
export function boundBy<F extends Facts>(facts: F, params: readonly Param[], textOf: (param: Param) => string, textsOf: (parameter: number) => readonly string[]): Result<F> {
  if (params.length !== facts.parameters) return refuse({ slug: 'invalid-request', reason: 'parameter_count', detail: `the statement has ${facts.parameters} parameters, the call gives ${params.length}`, next: 'fix' })
  const heavy = heavyParameter(facts.heavy, params, textOf)
  return heavy ? refuse(heavy) : ok(using(facts, judgeParameters(facts.written, textsOf)))
}
/** With uses beside those it has. */
export const using = <F extends Facts>(facts: F, more: readonly Used[]): F => (more.length === 0 ? facts : { ...facts, used: [...facts.used, ...more] })

/** All of several statements, each place with its number. An object of its own for each call, by which a permit belongs to one plan. */
export const effectsOf = (all: readonly Facts[], fingerprint: string): Effects => ({
  accesses: numbered(all, (facts) => facts.accesses), shown: numbered(all, (facts) => facts.shown), used: numbered(all, (facts) => facts.used), readOnly: all.every((facts) => facts.readOnly), fingerprint,
})
const numbered = <T extends { readonly statement: number }>(all: readonly Facts[], of: (facts: Facts) => readonly T[]): readonly T[] => {
  const [only, another] = all
  return only && !another ? of(only) : all.flatMap((facts, statement) => (statement === 0 ? of(facts) : of(facts).map((item) => ({ ...item, statement }))))
}

/** What is kept back until the effects are permitted: `fails` is what execution would answer; `preview` refuses before anybody is asked. */
export function untold(query: Query, all: readonly Untold[]): Pick<Plan, 'preview' | 'fails'> {
  const about = (index: number): Refusal | null => { const refusal = all[index]?.missing; return refusal === undefined ? null : placed(query, refusal, index) }
  const fails = about(all.findIndex(({ missing }) => missing !== undefined))
  const held = about(all.findIndex(({ unknown }) => unknown === true))
  return { ...(held ? { preview: async () => refuse(held) } : {}), ...(fails ? { fails } : {}) }
}

/**
 * The same at execution, of a plan that is permitted: only who may name it is told that it is not there. `stale`: it is missing in a catalog that is not fresh, so it may have come meanwhile; decided once more on what is there now.
 * null: nothing is missing.
 */
export function missingIn({ statements, fresh }: { readonly statements: readonly Untold[]; readonly fresh: boolean }): Executed | 'stale' | null {
  const statement = statements.findIndex(({ missing }) => missing !== undefined)
  const refusal = statements[statement]?.missing
  if (refusal === undefined) return null
  if (!fresh && !statements.some(({ unknown }) => unknown === true)) return 'stale'
  return { status: 'failed', refusal: statements.length > 1 ? { ...refusal, statement } : refusal }
}
