import { badRequest, Failure } from './failure.ts'
import { fields, isFields, same, type Fields } from './object.ts'

/** RFC 7396. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isFields(patch)) return patch
  const next: Record<string, unknown> = { ...fields(target) }
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete next[key]
    else next[key] = mergePatch(next[key], value)
  }
  return next
}

/** RFC 6902: add, remove, replace, move, copy, test. Throws 422 where the document is not as the patch wants it. */
export function jsonPatch(target: Fields, patch: unknown): Fields {
  if (!Array.isArray(patch)) throw badRequest('error decoding patch: json: cannot unmarshal object into Go value of type jsonpatch.Patch')
  let document: unknown = structuredClone(target)
  for (const step of patch.map(fields)) document = apply(document, step)
  return fields(document)
}
const unfit = (why: string) => new Failure(422, 'Invalid', `the server rejected our request due to an error in our request: ${why}`)

function apply(document: unknown, { op, path, from, value }: Fields): unknown {
  switch (op) {
    case 'add': return edit(document, keys(path), (holder, key) => put(holder, key, value, true))
    case 'replace': return edit(document, keys(path), (holder, key) => { look(holder, key); put(holder, key, value, false) })
    case 'remove': return edit(document, keys(path), take)
    case 'copy': return apply(document, { op: 'add', path, value: structuredClone(find(document, keys(from))) })
    case 'move': return apply(apply(document, { op: 'remove', path: from }), { op: 'add', path, value: find(document, keys(from)) })
    case 'test':
      if (!same(find(document, keys(path)), value)) throw unfit(`testing path ${String(path)} failed`)
      return document
    default: throw badRequest(`unknown operation \`${String(op)}\``)
  }
}
const keys = (pointer: unknown): readonly string[] => String(pointer).split('/').slice(1).map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'))
const find = (document: unknown, path: readonly string[]): unknown => path.reduce((holder, key) => look(holder, key), document)
function look(holder: unknown, key: string): unknown {
  if (Array.isArray(holder) && Number(key) < holder.length) return holder[Number(key)]
  if (isFields(holder) && Object.hasOwn(holder, key)) return holder[key]
  throw unfit(`path to \`${key}\` does not exist`)
}
function put(holder: unknown, key: string, value: unknown, insert: boolean): void {
  if (!Array.isArray(holder)) { (holder as Record<string, unknown>)[key] = value; return }
  const index = key === '-' ? holder.length : Number(key)
  if (!Number.isInteger(index) || index < 0 || index > holder.length) throw unfit(`no index \`${key}\``)
  holder.splice(index, insert ? 0 : 1, value)
}
function take(holder: unknown, key: string): void {
  look(holder, key)
  if (Array.isArray(holder)) holder.splice(Number(key), 1)
  else delete (holder as Record<string, unknown>)[key]
}
function edit(document: unknown, path: readonly string[], change: (holder: unknown, key: string) => void): unknown {
  const key = path.at(-1)
  if (key === undefined) throw unfit('the whole document is not patched so')
  const holder = find(document, path.slice(0, -1))
  if (!isFields(holder) && !Array.isArray(holder)) throw unfit(`no member \`${key}\``)
  change(holder, key)
  return document
}
