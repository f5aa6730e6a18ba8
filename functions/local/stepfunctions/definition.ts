import * as z from 'zod'
import { ServiceError } from './error.ts'
import { flaw } from './expression.ts'

/**
 * Exactly the states and fields of Amazon States Language that infra/approval.asl.json uses. Whatever else a definition says is refused when the machine is
 * made, because a field that is silently not understood is a promise that is silently not kept.
 */
const stateName = z.string().min(1).max(80)
const errorEquals = z.array(z.string().regex(/^[A-Za-z][A-Za-z0-9._-]*$/)).min(1)
const expression = z.string().startsWith('{%').endsWith('%}')
const retrier = z.strictObject({
  ErrorEquals: errorEquals, IntervalSeconds: z.int().min(1).max(99999999).default(1), BackoffRate: z.number().min(1).default(2),
  MaxAttempts: z.int().min(0).max(99999999).default(3), MaxDelaySeconds: z.int().min(1).max(31622400).optional(), JitterStrategy: z.enum(['FULL', 'NONE']).default('NONE'),
})
const catcher = z.strictObject({ ErrorEquals: errorEquals, Output: z.json().optional(), Next: stateName })
const task = z.strictObject({
  Type: z.literal('Task'), Comment: z.string().optional(),
  Resource: z.enum(['arn:aws:states:::lambda:invoke', 'arn:aws:states:::lambda:invoke.waitForTaskToken']),
  Arguments: z.strictObject({ FunctionName: z.string().min(1), Payload: z.json() }),
  TimeoutSeconds: z.union([z.int().min(1).max(99999999), expression]),
  Retry: z.array(retrier).default([]), Catch: z.array(catcher).default([]), Output: z.json().optional(), Next: stateName,
})
const choice = z.strictObject({
  Type: z.literal('Choice'), Comment: z.string().optional(),
  Choices: z.array(z.strictObject({ Condition: expression, Next: stateName })).min(1), Default: stateName,
})
const succeed = z.strictObject({ Type: z.literal('Succeed'), Comment: z.string().optional() })
const shape = z.strictObject({
  Comment: z.string().optional(), QueryLanguage: z.literal('JSONata'), StartAt: stateName,
  States: z.record(stateName, z.discriminatedUnion('Type', [task, choice, succeed])),
})
export type Definition = z.infer<typeof shape>
export type State = Definition['States'][string]
export type Task = z.infer<typeof task>
export const waitsForToken = ({ Resource }: Task): boolean => Resource.endsWith('.waitForTaskToken')

/** Throws ServiceError InvalidDefinition. */
export function readDefinition(text: string): Definition {
  const definition = shape.safeParse(parse(text))
  if (!definition.success) throw invalid(definition.error.issues.map(({ path, message }) => `${path.join('.') || 'the definition'}: ${message}`).join('; '))
  const wrong = unsound(definition.data)
  if (wrong !== null) throw invalid(wrong)
  return definition.data
}

function unsound({ StartAt, States }: Definition): string | null {
  const reached = new Set<string>()
  const open = [StartAt]
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    const state = Object.hasOwn(States, name) ? States[name] : undefined
    if (!state) return `no state is called \`${name}\``
    if (reached.has(name)) continue
    reached.add(name)
    open.push(...nextOf(state))
    const wrong = flaw(state) ?? (state.Type === 'Task' ? misplaced(state) : null)
    if (wrong !== null) return `${name}: ${wrong}`
  }
  const lost = Object.keys(States).find((name) => !reached.has(name))
  if (lost !== undefined) return `nothing leads to \`${lost}\``
  return Object.values(States).some(({ Type }) => Type === 'Succeed') ? null : 'no state ends it'
}

function nextOf(state: State): string[] {
  switch (state.Type) {
    case 'Task': return [state.Next, ...state.Catch.map(({ Next }) => Next)]
    case 'Choice': return [state.Default, ...state.Choices.map(({ Next }) => Next)]
    case 'Succeed': return []
  }
}

/** `States.ALL` stands alone, and last: what came after it would never be reached. */
function misplaced({ Retry, Catch }: Task): string | null {
  for (const list of [Retry, Catch]) {
    const at = list.findIndex(({ ErrorEquals }) => ErrorEquals.includes('States.ALL'))
    if (at !== -1 && (at !== list.length - 1 || list[at]?.ErrorEquals.length !== 1)) return '`States.ALL` must stand alone, and last'
  }
  return null
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw invalid('not JSON')
  }
}
const invalid = (message: string) => new ServiceError('InvalidDefinition', message)
