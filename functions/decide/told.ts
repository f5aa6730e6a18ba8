import { commandWords, lineOf, patternWords } from '../../schema/command.ts'
import { conceal } from '../../schema/credential.ts'
import type { ConnectionDocument, RuleDocument } from '../../schema/policy.ts'
import { connectionsOf } from './rule.ts'
import { meets } from './roleset.ts'

type Words = readonly (string | null)[]

/**
 * What the record may keep in clear, and so for ever, of a resource that was asked for. A table's name is the target's; the words of a command are the caller's, and what stands in an argument (a customer's address, a password) must be
 * gone when its content is erased. So of a command it keeps the words that a rule names, which are the policy's, and `*` for each other one: `systemctl restart *`; also for one that stands where a password stands, though a rule names it. Its line is content, whole.
 * `took`: the rules that took part. They alone, because an approval binds them: its request and its execution are then recorded alike. null, of a refusal: all rules of the connection.
 */
export function createTold(rules: ReadonlyMap<string, RuleDocument>, connections: ReadonlyMap<string, Pick<ConnectionDocument, 'engine'>>) {
  const byFirst = new Map<string, ReadonlyMap<string, readonly Words[]>>()
  const patternsOf = (rule: RuleDocument | undefined, connection: string): readonly Words[] =>
    rule === undefined || !meets(connectionsOf(rule), connection) ? [] : (rule.on ?? []).flatMap((one) => { const words = typeof one === 'string' ? null : patternWords(one); return words === null ? [] : [words] })
  function allOf(connection: string): ReadonlyMap<string, readonly Words[]> {
    const known = byFirst.get(connection)
    if (known) return known
    const found = Map.groupBy([...rules.values()].flatMap((rule) => patternsOf(rule, connection)), ([first]) => first ?? '')
    byFirst.set(connection, found)
    return found
  }
  return (connection: string, resource: string, took: readonly string[] | null): string => {
    if (connections.get(connection)?.engine !== 'ssh') return resource
    const words = commandWords(resource)
    if (words === null) return '*'
    let live = took === null ? allOf(connection).get(words[0] ?? '') ?? [] : took.flatMap((name) => patternsOf(rules.get(name), connection))
    const shown = conceal(words)
    return lineOf(words.map((word, i) => {
      const named = shown[i] === word && live.some((pattern) => pattern[i] === word)
      live = live.filter((pattern) => pattern[i] === word || pattern[i] === null)
      return named ? word : null
    }))
  }
}
