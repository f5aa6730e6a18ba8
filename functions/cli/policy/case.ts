import * as z from 'zod'
import type { Caller, Principal } from '../../../schema/caller.ts'
import { commandLine, commandWords } from '../../../schema/command.ts'
import type { Access, Effects, Shown, Target, Used } from '../../../schema/effects.ts'
import { actionNames, capabilityNames, maskNames, type ActionName, type ConnectionDocument } from '../../../schema/policy.ts'

/** A `*.test.yaml`: who asks for what, and how it must come out. */
const subject = z.string().regex(/^(user|agent):\S+$/, 'a subject is `user:…` or `agent:…`')
const principal = z.strictObject({ subject, groups: z.array(z.string()).optional() })
const names = z.array(z.string().min(1))
const access = z.strictObject({
  action: z.enum(actionNames), on: z.string().min(1), columns: names.optional(), uses: names.optional(), via: names.optional(), system: z.boolean().optional(),
  // Of Kubernetes; `namespace` left out: all of them, or none.
  namespace: z.string().min(1).optional(), name: z.string().min(1).optional(), needs: z.array(z.enum(capabilityNames)).optional(), object: z.record(z.string(), z.json()).nullable().optional(), oldObject: z.record(z.string(), z.json()).nullable().optional(), changed: z.array(z.string()).optional(),
})
const command = z.array(z.string('a word is text; put quotes around a number')).min(1).refine(isCommand, 'is no command: it names no program, or holds what no argument may (a control character, a line end, a backslash)')
const testCase = z.strictObject({
  name: z.string().min(1),
  who: principal.extend({ actors: z.array(principal).optional(), claims: z.record(z.string(), z.json()).optional() }),
  connection: z.string().optional(),
  sql: z.string().min(1).optional(), params: z.array(z.json()).optional(),
  accesses: z.array(access).min(1).optional(),
  /** Of a host, word by word. */
  command: command.optional(),
  reveal: names.optional(), purpose: z.string().optional(), at: z.iso.datetime().optional(),
  expect: z.enum(['permit', 'ask', 'deny']),
  masks: z.record(z.string(), z.enum([...maskNames, 'clear'])).optional(),
  rule: z.string().optional(), reason: z.string().optional(), approvers: names.optional(),
}).refine((one) => [one.sql, one.accesses, one.command].filter((asked) => asked !== undefined).length === 1, 'a case needs `sql`, `accesses` or `command`, one of them')
export const testFile = z.strictObject({ version: z.literal(1), kind: z.literal('test'), connection: z.string(), cases: z.array(testCase).min(1) })
export type TestCase = z.infer<typeof testCase>

function isCommand(words: readonly string[]): boolean {
  try {
    return commandLine(words) !== ''
  } catch {
    return false
  }
}
/** Why a case asks for what its connection has none of, and so would be denied for another reason than it seems; null where it does not. */
export function misplaced({ command, accesses }: TestCase, connection: ConnectionDocument | null): string | null {
  const host = connection?.engine === 'ssh'
  const name = connection?.name ?? 'sluice'
  if (command !== undefined && !host) return `\`command\` is of a host, and the connection \`${name}\` is not reached by SSH`
  const other = host ? accesses?.find(({ action, on }) => action !== 'exec' || commandWords(on) === null) : undefined
  if (other === undefined) return null
  return `\`${name}\` is a host, of which \`${other.action}\` on \`${other.on}\` is ${other.action === 'exec' ? 'no command as it would be asked for' : 'nothing that is asked for'}; write its words: \`command: [df, -h]\``
}

export function callerOf({ who }: TestCase): Caller {
  const named = ({ subject, groups }: z.infer<typeof principal>): Principal => ({ id: subject, kind: subject.startsWith('user:') ? 'user' : 'agent', groups: groups ?? [] })
  const actors = (who.actors ?? []).map(named)
  return { issuer: 'test', subject: named(who), actors, person: who.subject.startsWith('user:') && actors.length === 0, claims: who.claims ?? {}, expiresAt: Number.MAX_SAFE_INTEGER }
}

/**
 * What a case declares, as classify would have found it: a classified column under `columns` comes out as itself; one under `uses` is a filter.
 * Without `connection`'s classify knowing it, a column carries nothing.
 */
export function effectsOf({ accesses, command }: TestCase, connection: ConnectionDocument | null): Effects {
  const shown: Shown[] = []
  const used: Used[] = []
  const cluster = connection?.engine === 'kubernetes'
  const asked: readonly z.infer<typeof access>[] = accesses ?? (command === undefined ? [] : [{ action: 'exec', on: commandLine(command) }])
  const declared = asked.map((one): Access => {
    const read: ActionName[] = cluster ? ['get', 'list', 'watch'] : ['select']
    for (const column of one.columns ?? []) {
      const dataClass = classOf(connection, one.on, column)
      if (dataClass !== null && read.includes(one.action)) shown.push({ dataClass, resource: one.on, column, statement: 0, span: null, output: shown.length })
    }
    for (const column of one.uses ?? []) {
      const dataClass = classOf(connection, one.on, column)
      if (dataClass !== null) used.push({ dataClass, resource: one.on, column, statement: 0, span: null, how: 'in a where clause' })
    }
    const columns = !cluster && read.includes(one.action) ? [...new Set([...(one.columns ?? []), ...(one.uses ?? [])])] : null
    return { action: one.action, resource: one.on, columns, system: one.system ?? false, via: one.via ?? [], statement: 0, span: null, ...(cluster ? { target: targetOf(one) } : {}) }
  })
  return { accesses: declared, shown, used, readOnly: declared.every((one) => ['select', 'read', 'get', 'list', 'watch'].includes(one.action)), fingerprint: '' }
}

const targetOf = ({ namespace, name, needs, object, oldObject, changed }: z.infer<typeof access>): Target => ({
  namespace: namespace ?? null, name: name ?? null, needs: needs ?? [], ...(object === undefined ? {} : { object }), ...(oldObject === undefined ? {} : { oldObject }), ...(changed === undefined ? {} : { changed }),
})

function classOf(connection: ConnectionDocument | null, resource: string, column: string): string | null {
  if (connection?.engine === 'kubernetes' && resource === 'secrets') return 'kubernetes.secret'
  const given = connection?.classify?.[connection.engine === 'kubernetes' ? `${resource}:${column}` : `${resource}.${column}`]
  const name = typeof given === 'object' ? given.class : given
  return name === undefined || name === 'none' ? null : name
}
