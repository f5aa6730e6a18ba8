import type * as z from 'zod'
import { auditDocument, connectionDocument, issuerDocument, maxPatternWords, notifyDocument, policyDocument, roleDocument, type PolicyDocument } from '../../../schema/policy.ts'
import { suggest, type Finding } from './finding.ts'

const kinds = { issuer: issuerDocument, connection: connectionDocument, role: roleDocument, notify: notifyDocument, audit: auditDocument } as const

/** Any JSON value → a document, or everything that is wrong with its shape. */
export function readShape(path: string, value: unknown): { readonly document: PolicyDocument | null; readonly findings: readonly Finding[] } {
  const parsed = policyDocument.safeParse(value)
  if (parsed.success) return { document: parsed.data, findings: [] }
  const shape = shapeOf(value)
  // the kind is known: ask its own schema, whose answer is about that kind only
  const issues = shape ? (shape.safeParse(value).error?.issues ?? []) : parsed.error.issues
  return { document: null, findings: issues.flatMap((issue) => translate(path, value, issue)) }
}

function shapeOf(value: unknown) {
  if (typeof value !== 'object' || value === null || !('kind' in value)) return null
  const { kind } = value
  return kind === 'issuer' || kind === 'connection' || kind === 'role' || kind === 'notify' || kind === 'audit' ? kinds[kind] : null
}

function translate(path: string, document: unknown, issue: z.core.$ZodIssue, base: readonly (string | number)[] = []): Finding[] {
  const at = [...base, ...issue.path.map((part) => (typeof part === 'number' ? part : String(part)))]
  const error = (message: string, key?: true): Finding => ({ level: 'error', path, at, message, ...(key ? { key } : {}) })
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((name) => ({ ...error(`unknown key \`${name}\`${suggest(name, keysAt(at))}`, true), at: [...at, name] }))
  }
  const unquoted = at[0] === 'rules' && at[2] === 'on' && at.length > 3 ? word(valueAt(document, issue.path), at.length) : null
  if (unquoted !== null) return [error(unquoted)]
  if (issue.code === 'invalid_union') return union(path, document, issue, at)
  if (issue.code === 'invalid_value') {
    const given = valueAt(document, issue.path)
    const values = issue.values.map(String)
    if (given === undefined) return [error(`\`${String(at.at(-1) ?? '')}\` is missing${values.length === 1 ? `; write \`${values[0]}\`` : ''}`)]
    return [error(`\`${String(given)}\` is not known here${suggest(String(given), values)}`)]
  }
  if (issue.code === 'invalid_key') return [error(issue.issues[0]?.message ?? 'this key is not valid', true)]
  if (issue.code === 'invalid_type' && valueAt(document, issue.path) === undefined) return [error(at.length === 0 ? 'the file is empty' : `\`${String(at.at(-1))}\` is missing`)]
  return [error(issue.message.replace(/^Invalid input: expected/, 'expected'))]
}

/** What stands in `on` where a word must: YAML reads `50`, `true` and `~` as something else, and `a: b` as a map. */
function word(value: unknown, depth: number): string | null {
  const what = depth > 4 ? 'an argument' : 'a name'
  if (typeof value === 'number' || typeof value === 'boolean' || value === null) return `YAML reads this as ${typeof value === 'number' ? `the number ${value}` : typeof value === 'boolean' ? `the truth value ${String(value)}` : 'nothing'}, and ${what} is text; put it in quotes`
  if (Array.isArray(value)) return depth > 4 ? 'an argument is one word, not a list; a command is one list of words' : value.length === 0 ? 'a command has at least one word, its program' : value.length > maxPatternWords ? `a rule names at most ${maxPatternWords} words of a command` : null
  if (typeof value === 'object') return `YAML reads this as a map, for its \`: \`, and ${what} is text; put it in quotes`
  return value === '' ? 'a name is at least one character' : null
}

/** Of the forms that were possible, the one that came nearest: the fewest complaints, the deepest of them. */
function union(path: string, document: unknown, issue: z.core.$ZodIssueInvalidUnion, at: readonly (string | number)[]): Finding[] {
  if (at.at(-1) === 'kind') return [{ level: 'error', path, at, message: `\`kind\` is one of \`issuer\`, \`connection\`, \`role\`, \`notify\` and \`audit\`` }]
  const given = valueAt(document, issue.path)
  const fits = issue.errors.filter((errors) => !errors.some((one) => one.code === 'invalid_type' && one.path.length === 0))
  const members = typeof given === 'object' && given !== null && !Array.isArray(given) && at.includes('members')
  if (members && !['group', 'subject', 'everyone'].some((key) => key in given)) return [{ level: 'error', path, at, message: 'a member is `group: NAME`, `subject: agent:NAME` or `everyone: true`' }]
  const candidates = fits.length > 0 ? fits : issue.errors
  const weight = (errors: readonly z.core.$ZodIssue[]) => errors.length * 10 - Math.max(0, ...errors.map((one) => one.path.length)) + (errors.some((one) => one.code === 'invalid_type') ? 5 : 0)
  const nearest = [...candidates].sort((a, b) => weight(a) - weight(b))[0] ?? []
  return nearest.length === 0 ? [{ level: 'error', path, at, message: 'not a valid value here' }] : nearest.flatMap((one) => translate(path, valueAt(document, issue.path), one, at).map((finding) => ({ ...finding })))
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((inner, key) => (typeof inner === 'object' && inner !== null && Object.hasOwn(inner, key) ? Reflect.get(inner, key) : undefined), value)
}

/** The keys that may stand at a place, for a misspelt one. */
function keysAt(at: readonly (string | number)[]): readonly string[] {
  const place = at.filter((part) => typeof part === 'string').join('.')
  const known: Readonly<Record<string, readonly string[]>> = {
    '': [...new Set(Object.values(kinds).flatMap((shape) => Object.keys(shape.shape)))],
    rules: ruleKeys, members: ['group', 'subject', 'owner', 'everyone'], 'rules.approval': ['by', 'quorum', 'within', 'notify'],
    limits: limitKeys, 'rules.limits': limitKeys, 'limits.perHour': ['statements', 'rows'], 'rules.limits.perHour': ['statements', 'rows'],
    secrets: ['write', 'read', 'plain'], groups: ['claim', 'accept'], people: ['clients', 'subject'], agents: ['subject'], retention: ['content', 'entries'],
  }
  return known[place] ?? []
}
const ruleKeys = Object.keys(roleDocument.shape.rules.element.shape)
const limitKeys = ['rows', 'bytes', 'timeout', 'affected', 'cost', 'perHour', 'pending']
