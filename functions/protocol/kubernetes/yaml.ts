import { isAlias, isMap, isScalar, parseDocument, visit } from 'yaml'
import { ok, type Result } from '../../../schema/refusal.ts'
import { unreadable } from './say.ts'

/** Plain scalars that YAML 1.1, as the API server reads it, and YAML 1.2 take differently: `no` and `on` as booleans, `0644` as octal, `1:30` as sixty-fold, `1_000`. */
const twofold = /^(?:y|n|yes|no|on|off|[-+]?0[0-9_]+|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?|[-+]?[0-9]+_[0-9_]*|[-+]?0b[01_]+|0o[0-7]+|=|<<)$/i

/**
 * One YAML document → a JSON value with one reading. Refuses anchors and aliases (bombs), tags, merge keys, several documents, members named twice, keys that are no text, and plain
 * scalars that another version of YAML reads differently.
 */
export function parseYaml(text: string): Result<unknown> {
  const invalid = (reason: string, detail: string) => unreadable(reason, `the body is not yaml the gate reads: ${detail}`)
  let document: ReturnType<typeof parseDocument>
  try {
    document = parseDocument(text, { version: '1.2', schema: 'core', uniqueKeys: true, strict: true, stringKeys: true, prettyErrors: false })
  } catch {
    return invalid('not_yaml', 'it cannot be parsed')
  }
  const [error] = [...document.errors, ...document.warnings]
  if (error) return invalid('not_yaml', `${error.code.toLowerCase().replaceAll('_', ' ')} at character ${error.pos[0]}`)
  let trap: string | null = null
  let depth = 0
  visit(document, (_key, node, path) => {
    depth = Math.max(depth, path.length)
    if (depth > 200) { trap = 'it nests too deep'; return visit.BREAK }
    if (isAlias(node) || (typeof node === 'object' && node !== null && 'anchor' in node && node.anchor)) trap = 'anchors and aliases are not supported'
    else if ((isScalar(node) || isMap(node)) && node.tag) trap = 'tags are not supported'
    else if (isScalar(node) && node.type === 'PLAIN' && typeof node.source === 'string' && twofold.test(node.source)) trap = `\`${node.source.slice(0, 40)}\` is read differently by different versions of yaml; quote it, or write it another way`
    return trap === null ? undefined : visit.BREAK
  })
  return trap === null ? ok(document.toJS({ maxAliasCount: 0 }) as unknown) : invalid('yaml_reading', trap)
}
