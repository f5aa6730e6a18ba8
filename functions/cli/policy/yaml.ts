import { isAlias, isMap, isNode, isScalar, LineCounter, parseAllDocuments, visit, type Document, type ErrorCode, type Node } from 'yaml'

/** One YAML file as a value, with the way back from a place in the value to a line and column. */
export interface Source {
  readonly file: string
  /** null when there are problems. */
  readonly value: unknown
  readonly problems: readonly Problem[]
  /** Line and column, from 1. `key`: of the key, not of what it holds. `offset`: characters into the text there. */
  readonly locate: (at: readonly (string | number)[], key?: boolean, offset?: number) => { readonly line: number; readonly column: number }
}
/** As a compiler says it: `file:line:column: error: what, and what to write instead`. */
export interface Problem { readonly level: 'error' | 'warning'; readonly file: string; readonly line: number; readonly column: number; readonly message: string }
export const problemLine = (problem: Problem): string => `${problem.file}:${problem.line}:${problem.column}: ${problem.level}: ${problem.message}`

const maxBytes = 1024 * 1024

/**
 * YAML with one reading: one document a file, no key twice, no anchors or aliases (a few lines of which can mean gigabytes, and which hide what a
 * rule says from its reader), no tags.
 */
export function readYaml(file: string, text: string): Source {
  const lines = new LineCounter()
  const place = (offset: number) => { const { line, col } = lines.linePos(offset); return { line: Math.max(1, line), column: Math.max(1, col) } }
  const problems: Problem[] = []
  const error = (offset: number, message: string) => problems.push({ level: 'error', file, ...place(offset), message })
  const failed = (): Source => ({ file, value: null, problems, locate: () => ({ line: 1, column: 1 }) })
  if (Buffer.byteLength(text) > maxBytes) { error(0, 'the file is over 1 MiB; split the policy into files'); return failed() }
  const documents = parseAllDocuments(text.replace(/^\uFEFF/, ''), { lineCounter: lines, prettyErrors: false, uniqueKeys: true, version: '1.2', schema: 'core', merge: false })
  const [document] = documents
  if (!('length' in documents) || !document) { error(0, 'the file is empty; a policy file holds one document, and starts with `version: 1`'); return failed() }
  const second = documents[1]
  if (second) error(second.range[0], 'a second document; give each document a file of its own')
  for (const found of document.errors) error(found.pos[0], advice(found.code, found.message))
  for (const found of document.warnings) error(found.pos[0], advice(found.code, found.message))
  visit(document, (_, node) => {
    if (!isNode(node)) return
    if (isAlias(node)) error(node.range?.[0] ?? 0, 'aliases (`*name`) are not read; write it out, so that the rule says what it means')
    else if (node.anchor !== undefined) error(node.range?.[0] ?? 0, 'anchors (`&name`) are not read; write it out, so that the rule says what it means')
    else if (node.tag !== undefined && !node.tag.startsWith('tag:yaml.org,2002:')) error(node.range?.[0] ?? 0, `the tag \`${node.tag}\` is not read`)
    else if (isMap(node)) for (const { key } of node.items) if (!isScalar(key) || typeof key.value !== 'string') error(isNode(key) ? (key.range?.[0] ?? 0) : 0, 'a key must be a word; put it in quotes')
  })
  if (problems.length > 0) return failed()
  const value: unknown = document.toJS({ maxAliasCount: 0 })
  return { file, value, problems, locate: (at, key, offset) => place(nodeAt(document, at, key === true) + inside(document, at, offset)) }
}

const known: Partial<Record<ErrorCode, string>> = {
  DUPLICATE_KEY: 'this key is there twice; keep one',
  TAB_AS_INDENT: 'a tab; yaml indents with spaces',
  BAD_ALIAS: 'aliases (`*name`) are not read; what starts with `*` needs quotes: `"*"`, `"*.*"`',
}
const advice = (code: ErrorCode, message: string): string => known[code] ?? message.replace(/\s+/g, ' ').replace(/^./, (first) => first.toLowerCase())

/** Start of the node at a place, or of the nearest node above it when there is none (a missing key). */
function nodeAt(document: Document, at: readonly (string | number)[], key: boolean): number {
  if (key) {
    const parent: unknown = at.length === 1 ? document.contents : document.getIn(at.slice(0, -1), true)
    const pair = isMap(parent) ? parent.items.find((item) => isScalar(item.key) && item.key.value === at.at(-1)) : undefined
    if (isNode(pair?.key)) return pair.key.range?.[0] ?? 0
  }
  for (let depth = at.length; depth >= 0; depth--) {
    const node: unknown = depth === 0 ? document.contents : document.getIn(at.slice(0, depth), true)
    if (isNode(node) && node.range) return node.range[0]
  }
  return 0
}

/** A quoted scalar begins one character late; a block scalar's lines cannot be counted into, so its start is told. */
function inside(document: Document, at: readonly (string | number)[], offset: number | undefined): number {
  const node = offset === undefined ? undefined : (document.getIn(at, true) as Node | undefined)
  if (offset === undefined || !isScalar(node)) return 0
  if (node.type === 'PLAIN') return offset
  return node.type === 'QUOTE_DOUBLE' || node.type === 'QUOTE_SINGLE' ? offset + 1 : 0
}
