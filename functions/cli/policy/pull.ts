import { access, mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Document, isScalar, isSeq, visit } from 'yaml'
import type { Bundle } from '../../../schema/policy.ts'

/** `policy pull`: the documents in force as files again. Comments are not kept in a bundle; the repository is where those live. */
export const policyTexts = (bundle: Bundle): readonly { readonly path: string; readonly text: string }[] =>
  bundle.documents.map(({ path, document }) => ({ path, text: written(document) }))

/** A list inside a list is a command: its words stand on one line, `[df, -h]`. */
function written(document: Bundle['documents'][number]['document']): string {
  const yaml = new Document(document, { aliasDuplicateObjects: false })
  visit(yaml, { Seq: (key, node, path) => { if (typeof key === 'number' && isSeq(path.at(-1)) && node.items.every(isScalar)) node.flow = true } })
  return yaml.toString({ lineWidth: 0, flowCollectionPadding: false })
}

/**
 * Writes them below a directory and returns the paths. Refuses (throws) a path that would leave it: what a gate serves is not trusted with this
 * machine's files. `overwrite` false: throws EEXIST before the first file that is there already is touched.
 */
export async function writePolicy(directory: string, bundle: Bundle, overwrite: boolean): Promise<readonly string[]> {
  const texts = policyTexts(bundle)
  for (const { path } of texts) {
    if (!/^[A-Za-z0-9][A-Za-z0-9._/-]{0,199}$/.test(path) || path.split('/').some((part) => part === '' || part === '.' || part === '..') || !/\.ya?ml$/.test(path)) {
      throw new Error(`the gate names a file \`${path.slice(0, 80)}\`, which is not a policy file's path`)
    }
  }
  for (const { path } of overwrite ? [] : texts) {
    const there = await access(join(directory, path)).then(() => true, () => false)
    if (there) throw Object.assign(new Error(`\`${join(directory, path)}\` is there already`), { code: 'EEXIST' })
  }
  for (const { path, text } of texts) {
    await mkdir(dirname(join(directory, path)), { recursive: true })
    await writeFile(join(directory, path), text, { flag: overwrite ? 'w' : 'wx' })
  }
  return texts.map(({ path }) => path)
}
