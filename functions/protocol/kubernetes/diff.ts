import { unseen } from '../../visible.ts'
import { isObject } from './precondition.ts'

type Value = Readonly<Record<string, unknown>>
export interface Compared {
  /** The write may change the status, which is left out otherwise. */
  readonly status?: boolean
  /** As they are, and as a person may see them. null: there is none. */
  readonly before: { readonly clear: Value | null; readonly shown: Value | null }
  readonly after: { readonly clear: Value | null; readonly shown: Value | null }
}
const maxBytes = 64 * 1024
const context = 3
/** Edits past which the shortest script is not looked for: all of the old, then all of the new, says the same. */
const mostEdits = 400
const mostLines = 20_000
const applied = 'kubectl.kubernetes.io/last-applied-configuration'

/**
 * The change as unified diff lines over YAML with sorted keys; what controllers keep (status, managedFields, versions) is left out. A masked value that changes looks the same on both
 * sides, so each such place is named. At most 64 KB; what is cut is said. '' where nothing changes.
 */
export function unifiedDiff({ before, after, status = false }: Compared): string {
  const lines = diffLines(linesOf(before.shown, status), linesOf(after.shown, status))
  const hidden = hiddenChanges(before, after, status)
  // What the next `kubectl apply` of somebody else takes away is told by this copy.
  if (lines.length === 0 && hidden.length === 0 && copyOf(before.clear) !== copyOf(after.clear)) return '# only the copy changes that `kubectl apply` keeps of the object'
  const notes = [...hidden.slice(0, 200).map((path) => `# ${path}: changes, and is masked`), ...(hidden.length > 200 ? [`# and ${hidden.length - 200} more masked values`] : [])]
  return cut([...notes, ...lines])
}

function cut(lines: readonly string[]): string {
  let bytes = 0
  for (const [index, line] of lines.entries()) {
    bytes += Buffer.byteLength(line) + 1
    if (bytes > maxBytes - 200) return [...lines.slice(0, index), `# cut here: ${lines.length - index} of ${lines.length} lines of this change are not shown`].join('\n')
  }
  return lines.join('\n')
}

const copyOf = (value: Value | null): unknown => { const metadata = value?.['metadata']; return isObject(metadata) && isObject(metadata['annotations']) ? metadata['annotations'][applied] : undefined }
const linesOf = (value: Value | null, status: boolean): readonly string[] => (value === null ? [] : yaml(normal(value, status), '').map(printable))
const plain = /^[A-Za-z/][\w./@-]*(?::[\w./@-]+)*$/
const word = /^(?:true|false|null|yes|no|on|off|y|n)$/i
const spelt = (text: string): string => (plain.test(text) && !word.test(text) ? text : JSON.stringify(text))

/** YAML for reading, keys sorted, texts of several lines as such; made by hand, for it is made of every write and objects are large. */
function yaml(value: unknown, pad: string): string[] {
  if (Array.isArray(value)) return value.flatMap((one) => { const [first = '', ...rest] = entry('', one, `${pad}  `); return [`${pad}- ${first.slice(pad.length + 2)}`, ...rest] })
  return isObject(value) ? Object.keys(value).sort().flatMap((key) => entry(`${spelt(key)}:`, value[key], pad)) : [pad + JSON.stringify(value)]
}
function entry(name: string, value: unknown, pad: string): string[] {
  const nested = (Array.isArray(value) && value.length > 0) || (isObject(value) && Object.keys(value).length > 0)
  if (nested) return name === '' ? yaml(value, pad) : [pad + name, ...yaml(value, `${pad}  `)]
  const head = name === '' ? pad : `${pad}${name} `
  if (typeof value !== 'string') return [head + JSON.stringify(value)]
  return value.includes('\n') ? [`${head}|`, ...value.split('\n').map((line) => `${pad}  ${line}`)] : [head + spelt(value)]
}
/** A control, a mark that reorders, a separator that breaks the line or a space that is none would draw another change than is made. */
export const printable = (line: string): string => /^[\t\x20-\x7e]*$/.test(line) ? line : line.replace(unseen, escaped).replace(/[^\P{C}\t]|(?! )\p{Zs}/gu, escaped)
const escaped = (one: string): string => (one === '\t' ? one : `\\u{${(one.codePointAt(0) ?? 0).toString(16)}}`)

/** The object without what its controllers write and without its own copy of what was applied. */
function normal(value: Value, status: boolean): Value {
  const { status: own, ...others } = value
  const rest: Value = status && own !== undefined ? { ...others, status: own } : others
  if (!isObject(rest['metadata'])) return rest
  const metadata: Record<string, unknown> = { ...rest['metadata'] }
  for (const member of ['managedFields', 'resourceVersion', 'generation', 'creationTimestamp', 'uid', 'selfLink']) delete metadata[member]
  const { annotations } = metadata
  if (isObject(annotations) && applied in annotations) {
    const { [applied]: copy, ...kept } = annotations
    void copy
    if (Object.keys(kept).length > 0) metadata['annotations'] = kept
    else delete metadata['annotations']
  }
  return { ...rest, metadata }
}

function hiddenChanges({ clear: a, shown: x }: Compared['before'], { clear: b, shown: y }: Compared['after'], status: boolean): string[] {
  if (a === null || b === null || x === null || y === null) return []
  const [clear, shown] = [[leaves(normal(a, status)), leaves(normal(b, status))], [leaves(normal(x, status)), leaves(normal(y, status))]] as const
  return [...new Set([...clear[0].keys(), ...clear[1].keys()])].filter((path) => clear[0].get(path) !== clear[1].get(path) && shown[0].get(path) === shown[1].get(path)).map(printable).sort()
}
function leaves(value: unknown, path = '', into = new Map<string, string>()): Map<string, string> {
  if (Array.isArray(value)) value.forEach((one, index) => leaves(one, `${path}[${index}]`, into))
  else if (isObject(value)) for (const [key, one] of Object.entries(value)) leaves(one, path === '' ? key : `${path}.${key}`, into)
  else into.set(path, JSON.stringify(value))
  return into
}

type Edit = readonly [mark: ' ' | '-' | '+', line: string]

function diffLines(before: readonly string[], after: readonly string[]): string[] {
  let head = 0
  while (head < before.length && head < after.length && before[head] === after[head]) head++
  let tail = 0
  while (tail < before.length - head && tail < after.length - head && before[before.length - 1 - tail] === after[after.length - 1 - tail]) tail++
  const [a, b] = [before.slice(head, before.length - tail), after.slice(head, after.length - tail)]
  if (a.length + b.length === 0) return []
  const middle = a.length + b.length > mostLines ? null : shortest(a, b)
  const edits: Edit[] = [
    ...before.slice(0, head).map((line): Edit => [' ', line]),
    ...(middle ?? [...a.map((line): Edit => ['-', line]), ...b.map((line): Edit => ['+', line])]),
    ...before.slice(before.length - tail).filter(() => tail > 0).map((line): Edit => [' ', line]),
  ]
  return hunks(edits)
}

/** Myers' greedy walk; null where it takes more edits than may be looked for. `reach[k + most + 1]`: how far in `a` one gets on diagonal k. */
function shortest(a: readonly string[], b: readonly string[]): Edit[] | null {
  const most = Math.min(mostEdits, a.length + b.length)
  if (Math.abs(a.length - b.length) > most) return null
  const reach = new Int32Array(2 * most + 3).fill(-1)
  reach[most + 2] = 0
  const trace: Int32Array[] = []
  for (let edits = 0; edits <= most; edits++) {
    trace.push(reach.slice())
    for (let k = -edits; k <= edits; k += 2) {
      const at = k + most + 1
      let x = downward(reach, at, k, edits) ? (reach[at + 1] ?? 0) : (reach[at - 1] ?? 0) + 1
      while (x < a.length && x - k < b.length && a[x] === b[x - k]) x++
      reach[at] = x
      if (x >= a.length && x - k >= b.length) return walked(a, b, trace, most)
    }
  }
  return null
}
const downward = (reach: Int32Array, at: number, k: number, edits: number): boolean => k === -edits || (k !== edits && (reach[at - 1] ?? -1) < (reach[at + 1] ?? -1))
function walked(a: readonly string[], b: readonly string[], trace: readonly Int32Array[], most: number): Edit[] {
  const found: Edit[] = []
  let [x, y] = [a.length, b.length]
  for (let edits = trace.length - 1; edits >= 0; edits--) {
    const reach = trace[edits] ?? new Int32Array()
    const k = x - y
    const down = downward(reach, k + most + 1, k, edits)
    const before = down ? k + 1 : k - 1
    const fromX = edits === 0 ? 0 : (reach[before + most + 1] ?? 0)
    const fromY = edits === 0 ? 0 : fromX - before
    while (x > fromX && y > fromY) { found.push([' ', a[--x] ?? '']); y-- }
    if (edits > 0) found.push(down ? ['+', b[--y] ?? ''] : ['-', a[--x] ?? ''])
  }
  return found.reverse()
}

/** `context` lines around each change, with the line numbers of both sides. */
function hunks(edits: readonly Edit[]): string[] {
  const near = edits.map(() => false)
  edits.forEach(([mark], at) => {
    if (mark !== ' ') for (let i = Math.max(0, at - context); i <= Math.min(edits.length - 1, at + context); i++) near[i] = true
  })
  const lines: string[] = []
  let [old, fresh] = [1, 1]
  edits.forEach(([mark, line], at) => {
    if (near[at] && !near[at - 1]) lines.push(`@@ -${old} +${fresh} @@`)
    if (near[at]) lines.push(`${mark}${line}`)
    if (mark !== '+') old++
    if (mark !== '-') fresh++
  })
  return lines
}
