import { gateUrl, type Reply } from './client.ts'
import { exit, type Exit, type Terminal } from './terminal.ts'
import { visible, visibleJson } from './visible.ts'

/** Reading JSON one did not make: every access says what it expects. */
export const object = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.fromEntries(Object.entries(value)) : {}
export const list = (value: unknown): readonly unknown[] => Array.isArray(value) ? value : []
export const text = (value: unknown): string => typeof value === 'string' ? value : value === null || value === undefined ? '' : typeof value === 'object' ? JSON.stringify(value) : String(value)

/** Data, for a program: whole, on standard output, controls escaped so that a terminal shows it as safely as a table. */
export const printJson = (terminal: Terminal, value: unknown): void => terminal.out(`${visibleJson(JSON.stringify(value, null, 2))}\n`)

/** Shows a refusal (with `--json` also as data) and gives the exit code that goes with it. */
export function refused(terminal: Terminal, reply: Reply, json: boolean): Exit {
  if (json) printJson(terminal, reply.body)
  const problem = object(reply.body)
  const bold = (words: string) => terminal.color ? `\u001b[1m${words}\u001b[0m` : words
  terminal.err(`${bold(visible(text(problem['title']) || `the gate answered ${reply.status}`))}\n`)
  if (problem['detail']) terminal.err(`${visible(text(problem['detail']))}\n`)
  const advice = next[text(problem['next'])]
  if (advice) terminal.err(`${advice}\n`)
  const facts = [['rule', problem['rule']], ['sqlstate', problem['sqlstate']], ['evaluation', problem['evaluation']], ['see', problem['type'] === undefined ? undefined : `${gateUrl(terminal.env)}${text(problem['type'])}`]] as const
  terminal.err(`${facts.filter(([, value]) => value !== undefined).map(([name, value]) => `${name} ${visible(text(value))}`).join(' · ')}\n`)
  return exitOf(reply)
}
const next: Readonly<Record<string, string>> = {
  fix: 'Change the call and send it again.', request: 'A person may permit this.', retry: 'The same call may be sent again later.',
}

export function exitOf(reply: Reply): Exit {
  if (reply.status === 202) return exit.waiting
  if (reply.status < 400) return exit.done
  switch (text(object(reply.body)['type'])) {
    case '/problems/unauthenticated': case '/problems/denied': case '/problems/statement-unsupported': case '/problems/approval-rejected': return exit.denied
    case '/problems/invalid-request': case '/problems/statement-unparsable': case '/problems/not-found': case '/problems/too-large': case '/problems/idempotency-mismatch': return exit.invalid
    case '': default: return exit.failed
  }
}
