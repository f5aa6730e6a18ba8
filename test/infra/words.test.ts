import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { counted, countedApart, quiet } from '../../infra/words.ts'

/** Every alarm of what is deployed, as its source says it: the words of each call, and of whatever hands them on to one. */
const folder = join(import.meta.dirname, '../../functions')
const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.ts') && !/^(local|cli)\//.test(path)).map((path) => [path, readFileSync(join(folder, path), 'utf8')] as const)
const literal = /^'((?:[^'\\\n]|\\.)*)'/

/** The first argument of each call of one of these names: words, or what is there instead of them. */
function firsts(text: string, names: string): readonly { readonly words: string | null; readonly there: string }[] {
  return [...text.matchAll(new RegExp(`(?<!function )\\b(?:${names})(?:\\?\\.)?\\(\\s*`, 'g'))].map(({ 0: call, index }) => {
    const there = text.slice(index + call.length, index + call.length + 200)
    return { words: literal.exec(there)?.[1]?.replaceAll(/\\(.)/g, '$1') ?? null, there: there.slice(0, there.search(/[,)\n]/)) }
  })
}
/** Words of one file; throws where it alarms of something that is neither words nor handed on by a function that takes `what: string`. */
function said(path: string, text: string): readonly string[] {
  return firsts(text, 'alarm|speak').flatMap(({ words, there }) => {
    if (words !== null) return [words]
    const handed = [...text.matchAll(/(?:function |const )(\w+)(?: = )?\(what: string\b/g)].map((match) => match[1] ?? '')
    if (there !== 'what' || handed.length === 0) throw new Error(`${path} alarms of \`${there}\`: say the words`)
    return firsts(text, handed.join('|')).map((one) => {
      if (one.words === null) throw new Error(`${path} hands on \`${one.there}\`: say the words`)
      return one.words
    })
  })
}
const spoken = new Set(files.flatMap(([path, text]) => said(path, text)))
const rings = [...Object.values(counted), ...Object.values(countedApart)].flatMap(({ words }) => words)

test('whatever the functions alarm of rings, or is said to be meant to be quiet, with the reason', () => {
  expect([...spoken].filter((words) => !rings.includes(words) && !(words in quiet)).sort()).toEqual([])
  for (const [words, why] of Object.entries(quiet)) expect(why.length, words).toBeGreaterThan(5)
})
test('nothing is listened for, and nothing is let be, that no function says', () => {
  expect([...rings, ...Object.keys(quiet)].filter((words) => !spoken.has(words)).sort()).toEqual([])
})
test('each is said to one metric', () => {
  expect([...rings, ...Object.keys(quiet)].length).toBe(new Set([...rings, ...Object.keys(quiet)]).size)
})
test('reads the words whatever stands before them, and refuses to read what is put together', () => {
  expect(said('a', "ports.alarm('it\\'s gone', {})\n  return speak(\n    'slow', {})\nalarm?.('late', {})")).toEqual(["it's gone", 'slow', 'late'])
  expect(said('b', "function tell(what: string): void { alarm(what, {}) }\ntell('first')\ntell('second')")).toEqual(['first', 'second'])
  for (const text of ['alarm(`the ${thing} is gone`, {})', "alarm(late ? 'late' : 'early', {})", 'alarm(what, {})', 'const tell = (what: string) => alarm(what, {})\ntell(words)']) expect(() => said('c', text), text).toThrow('say the words')
})
test('nobody writes an alarm past the one line that filters read', () => {
  expect(files.filter(([, text]) => /\{ alarm: /.test(text)).map(([path]) => path)).toEqual(['aws/lambda.ts'])
})
test('every alarm that rings by words is in the operator\'s table', () => {
  const guide = readFileSync(join(folder, '../docs/deploy.md'), 'utf8')
  expect([...Object.keys(counted), ...Object.keys(countedApart)].filter((name) => !guide.includes(`\`${name}\``))).toEqual([])
})
