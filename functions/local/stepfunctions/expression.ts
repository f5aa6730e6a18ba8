import jsonata from 'jsonata'
import type * as z from 'zod'
import { StateError } from './error.ts'

export type Json = z.core.util.JSONType
export interface Scope {
  readonly input: Json
  readonly context: Json
  readonly result?: Json
  readonly errorOutput?: { readonly Error: string; readonly Cause: string }
}
const pattern = /^\{%([\s\S]*)%\}$/
const patienceMs = 1000
const compiled = new Map<string, jsonata.Expression>()

function compile(source: string): jsonata.Expression {
  const known = compiled.get(source)
  if (known) return known
  const expression = jsonata(source, { timeout: patienceMs, stack: 200 })
  compiled.set(source, expression)
  return expression
}

/** What is wrong with the expressions in a template, or null. Half an expression is refused: Step Functions would take it for plain text. */
export function flaw(template: unknown): string | null {
  if (typeof template === 'string') {
    const source = pattern.exec(template)?.[1]
    if (source === undefined) return template.includes('{%') || template.includes('%}') ? `\`${template}\` is not a whole expression` : null
    try {
      compile(source)
      return null
    } catch (error) {
      return `\`${source.trim()}\` is not JSONata: ${messageOf(error)}`
    }
  }
  if (typeof template !== 'object' || template === null) return null
  for (const part of Object.values(template)) {
    const wrong = flaw(part)
    if (wrong !== null) return wrong
  }
  return null
}

/** The template with each `{% … %}` replaced by what it is worth. `now` is what `$millis()` says. Throws StateError States.QueryEvaluationError. */
export async function evaluate(template: Json, scope: Scope, now: number): Promise<Json> {
  if (typeof template === 'string') {
    const source = pattern.exec(template)?.[1]
    return source === undefined ? template : await worth(source, scope, now)
  }
  if (typeof template !== 'object' || template === null) return template
  if (Array.isArray(template)) return await Promise.all(template.map((part) => evaluate(part, scope, now)))
  const members = await Promise.all(Object.entries(template).map(async ([name, part]) => [name, await evaluate(part, scope, now)] as const))
  return Object.fromEntries(members)
}

async function worth(source: string, states: Scope, now: number): Promise<Json> {
  let value: unknown
  try {
    value = await compile(source).evaluate(undefined, {
      states, millis: () => now, now: () => new Date(now).toISOString(),
      eval: () => { throw new Error('$eval is not to be had in a state machine') },
    })
  } catch (error) {
    throw new StateError('States.QueryEvaluationError', `\`${source.trim()}\`: ${messageOf(error)}`)
  }
  // JSONata hands out its input's own objects and arrays with members of its own; and `undefined` is no JSON.
  if (value === undefined || typeof value === 'function') throw new StateError('States.QueryEvaluationError', `\`${source.trim()}\` has no value`)
  return JSON.parse(JSON.stringify(value)) as Json
}

const messageOf = (error: unknown): string => typeof error === 'object' && error !== null && 'message' in error ? String(error.message) : 'unknown'
