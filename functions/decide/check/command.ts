import { wrongWord } from '../../../schema/command.ts'
import { concealNamed } from '../../../schema/credential.ts'
import type { RoleDocument, RuleDocument } from '../../../schema/policy.ts'
import { parsePattern, type Form } from '../pattern.ts'
import { meets } from '../roleset.ts'
import { connectionsOf } from '../rule.ts'
import type { Report } from './finding.ts'
import { reachOf, type Reach } from './runner.ts'

type Words = readonly string[]

/** The words of a command on a host, in one rule. */
export function checkCommand(rule: RuleDocument, words: Words, forms: readonly Form[], report: (level: 'error' | 'warning', message: string) => void): void {
  const shown = show(words)
  if (connectionsOf(rule).includes('sluice') || !forms.includes('ssh')) return report('error', `${shown} is a command, and none of the connections named here is reached by SSH`)
  if (!parsePattern(words, ['ssh'])) return report('error', wrong(words, shown))
  if (!rule.allow && !rule.reveal && forms.some((form) => form !== 'ssh')) return report('error', `${shown} is a command, and some of these connections are not reached by SSH: there it would take everything away; name the connections it is meant for`)
  if (/\s/.test(words[0] ?? '')) return report('warning', `${shown} names a program with a space in its name; each word is one of its own: \`[${(words[0] ?? '').trim().split(/\s+/).slice(0, 6).join(', ')}]\``)
  if (concealNamed(words).some((word, i) => word !== words[i])) report('warning', `${shown} names what stands where a password stands, and a rule is no place for a secret: whoever reads the policy reads it; let the program find it in a file or a variable of the login's own`)
  // Whoever approves it sees every word first.
  const found = rule.allow && !rule.approval ? reachOf(words) : null
  if (found !== null) report('warning', `${reaches[found.reach](`\`${clip(found.program)}\``, shown)}; name what is meant, or let people approve it`)
}

const reaches: Readonly<Record<Reach, (program: string, shown: string) => string>> = {
  run: (program, shown) => `${program} can run what its arguments say, so the \`*\` of ${shown} may be any command there is`,
  file: (program, shown) => `${program} reads or writes the file that its argument names, so the \`*\` of ${shown} may be any that its login can, such as \`/etc/passwd\` or a key`,
  go: (program, shown) => `${program} goes where its argument says, so the \`*\` of ${shown} may be any address that the host reaches, inside its network too`,
  unit: (program, shown) => `${program} takes any unit, so the \`*\` of ${shown} may be \`ssh\` or \`reboot.target\``,
  show: (program, shown) => `${program} has options without a dash, so the \`*\` of ${shown} may be \`eww\`, which shows what every process of its login has in its environment`,
}

function wrong(words: Words, shown: string): string {
  const [first = ''] = words
  if (first === '*' || first === '' || first.startsWith('-')) return `${shown} names no program`
  if (words.some((word) => word !== '*' && /(?<!\\)\*/.test(word))) return `${shown}: \`*\` is one whole argument, not a part of one; a star itself is \`\\*\``
  return `${shown} has a word that ${words.map((word) => wrongWord(word.replaceAll('\\*', '*'))).find((why) => why !== null) ?? 'cannot be one'}`
}

type Role = { readonly document: RoleDocument; readonly report: Report }
type Ruled = { readonly rule: RuleDocument; readonly n: number; readonly report: Report }
/** What only all rules together say of commands: `hosts` are the connections that are reached by SSH. */
export function checkCommands(roles: readonly Role[], hosts: readonly string[]): void {
  const rules = roles.flatMap(({ document, report }) => document.rules.map((rule, n): Ruled => ({ rule, n, report })))
  checkTaken(rules, hosts)
  checkWrites(rules, hosts)
}

/** What takes from nothing: no rule allows a command that begins so, and without a rule it is denied already. Its author may think that it forbids a program, which has other names (`/bin/rm`) and other ways in (`env rm`). */
function checkTaken(rules: readonly Ruled[], hosts: readonly string[]): void {
  const allowed = new Map(hosts.map((host) => [host, Map.groupBy(rules.flatMap(({ rule }) => (rule.allow && speaks(rule, host) ? wordsOf(rule) : [])), ([program]) => program)]))
  for (const { rule, n, report } of rules) {
    if (rule.allow || rule.reveal) continue
    for (const [i, words] of (rule.on ?? []).entries()) {
      if (typeof words === 'string' || !parsePattern(words, ['ssh']) || hosts.every((host) => !speaks(rule, host) || allowed.get(host)?.get(words[0])?.some((given) => begins(given, words)))) continue
      report('warning', ['rules', n, 'on', i], `nothing that a rule allows begins like ${show(words)}, so this takes nothing away: what no rule allows is denied, and \`${clip(words[0] ?? '')}\` by another path or behind another program is another command`)
    }
  }
}

/** Nobody knows what a command changes, so `write` meets none. Where some rule of the host asks people, its author has thought of that. */
function checkWrites(rules: readonly Ruled[], hosts: readonly string[]): void {
  const unasked = hosts.filter((host) => {
    const here = rules.filter(({ rule }) => speaks(rule, host)).map(({ rule }) => rule)
    return here.some(({ allow }) => names(allow, 'exec')) && !here.some(({ allow, ask, approval }) => approval && (names(allow, 'exec') || names(ask, 'exec')))
  })
  for (const { rule, n, report } of rules) {
    const [verb, actions] = rule.ask ? ['ask', rule.ask] as const : ['deny', rule.deny] as const
    const host = unasked.find((one) => speaks(rule, one))
    if (!actions?.includes('write') || names(actions, 'exec') || host === undefined) continue
    report('warning', ['rules', n, verb], `\`write\` does not reach the commands of \`${host}\`, of which nobody knows what they change, and no rule there asks anybody; name \`exec\` too, or give the rules of commands that change something an \`approval\``)
  }
}
const names = (actions: RuleDocument['allow'], action: 'exec'): boolean => actions?.some((one) => one === action || one === '*') ?? false
const speaks = (rule: RuleDocument, host: string): boolean => meets(connectionsOf(rule), host)
const wordsOf = ({ on = [] }: RuleDocument): readonly Words[] => on.filter((name) => typeof name !== 'string')
/** Whether some command that `given` allows begins like `taken`. */
const begins = (given: Words, taken: Words): boolean => taken.length <= given.length && taken.every((word, i) => word === '*' || given[i] === '*' || given[i] === word)

const clip = (text: string): string => (text.length > 60 ? `${text.slice(0, 59)}…` : text).replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}`]/gu, '?')
const show = (words: Words): string => `\`[${concealNamed(words).slice(0, 8).map(clip).join(', ')}${words.length > 8 ? ', …' : ''}]\``
