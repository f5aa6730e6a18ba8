import type { Expectation, Script, Step } from './parse.ts'

/** Where a script runs: this process's app, or a running stack. */
export interface Stage {
  readonly send: (path: string, init: RequestInit) => Promise<Response>
  readonly token: (options: TokenWords) => Promise<string>
}
export interface TokenWords { readonly subject: string; readonly groups: readonly string[]; readonly actor?: string; readonly seconds?: number; readonly claims: Readonly<Record<string, string>> }

/** Plays the script; throws at the first thing that is not as it says, with file and line. */
export async function play(script: Script, stage: Stage): Promise<void> {
  const variables = new Map<string, string>()
  for (const { name, options } of script.tokens) variables.set(name, await stage.token(readWords(options)))
  for (const step of script.steps) await playStep(script.name, step, stage, variables)
}

async function playStep(name: string, step: Step, stage: Stage, variables: Map<string, string>): Promise<void> {
  const fill = (text: string) => text.replace(/\{\{(?:repeat (.+?) (\d+)|(\w+))\}\}/g, (_, unit: string | undefined, count: string, variable: string) =>
    unit === undefined ? variables.get(variable) ?? `{{${variable}}}` : unit.replace(/\\u([0-9a-f]{4})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16))).repeat(Number(count)))
  const headers = new Headers(step.headers.map(([header, value]): [string, string] => [header, fill(value)]))
  if (step.body !== null && !headers.has('content-type') && !step.headers.some(([header]) => header === 'no-content-type')) headers.set('content-type', 'application/json')
  const untyped = headers.has('no-content-type')
  headers.delete('no-content-type')
  const body = step.body === null ? null : untyped ? new TextEncoder().encode(fill(step.body)) : fill(step.body)
  const response = await stage.send(fill(step.path), { method: step.method, headers, body, redirect: 'manual' })
  const text = await response.text()
  const told = () => `\n  ${step.method} ${step.path} answered ${response.status} ${[...response.headers].map((pair) => pair.join(': ')).join(' | ')}\n  ${text.slice(0, 2000)}`
  if (response.status !== step.status) throw new Error(`${name}:${step.line}: expected ${step.status}${told()}`)
  for (const expectation of step.expect) {
    const found = expectation.of === 'body' ? text : expectation.of.startsWith('$') ? find(parsed(text), expectation.of) : response.headers.get(expectation.of) ?? undefined
    if (expectation.kind === 'capture') variables.set(expectation.name, String(found))
    else if (!holds(expectation, found, fill)) throw new Error(`${name}:${expectation.line}: \`${expectation.of}\` is ${JSON.stringify(found)}, expected ${expectation.check} ${expectation.to}${told()}`)
  }
}

function holds({ kind, check, to }: Exclude<Expectation, { kind: 'capture' }>, found: unknown, fill: (text: string) => string): boolean {
  const text = typeof found === 'string' ? found : JSON.stringify(found) ?? ''
  switch (check) {
    case 'present': return found !== undefined
    case 'absent': return found === undefined
    case 'equals': return kind === 'header' ? found === fill(to) : JSON.stringify(found) === JSON.stringify(JSON.parse(fill(to)))
    case 'matches': return found !== undefined && expression(fill(to)).test(text)
    case 'avoids': return !expression(fill(to)).test(text)
  }
}

function expression(text: string): RegExp {
  const [, source = '', flags = ''] = /^\/(.*)\/([a-z]*)$/s.exec(text) ?? []
  if (source === '') throw new Error(`\`${text}\` is not an expression`)
  return new RegExp(source, flags)
}

const parsed = (text: string): unknown => { try { return JSON.parse(text) } catch { return undefined } }

/** `$.rows[0].email`; `.length` counts. */
function find(value: unknown, path: string): unknown {
  let at = value
  for (const [, member, index] of path.matchAll(/\.([\w-]+)|\[(\d+)\]/g)) {
    if (typeof at !== 'object' || at === null) return undefined
    const key = member ?? index ?? ''
    at = Object.hasOwn(at, key) ? (at as Record<string, unknown>)[key] : undefined
  }
  return at
}

function readWords(options: string): TokenWords {
  const words = options.split(/\s+/).map((word): [string, string] => { const at = word.indexOf('='); return [word.slice(0, at), word.slice(at + 1)] })
  const one = (name: string) => words.find(([key]) => key === name)?.[1]
  const [subject, actor, seconds] = [one('subject'), one('actor'), one('seconds')]
  if (subject === undefined) throw new Error(`a token needs a subject: \`${options}\``)
  return {
    subject, groups: words.filter(([key]) => key === 'group').map(([, value]) => value),
    ...(actor === undefined ? {} : { actor }), ...(seconds === undefined ? {} : { seconds: Number(seconds) }),
    claims: Object.fromEntries(words.filter(([key]) => !['subject', 'group', 'actor', 'seconds'].includes(key))),
  }
}
