import type { Json } from '../json.ts'
import { membersOf } from './body.ts'

/** The steps of a JSON pointer (RFC 6901). */
export const stepsOf = (pointer: string): readonly string[] => pointer.split('/').slice(1).map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'))

export interface Operation { readonly op: string; readonly path: readonly string[]; readonly from: readonly string[] | null; readonly value: Json | undefined }
/** A JSON patch as body.ts let it pass. */
export function operationsOf(patch: Json): readonly Operation[] {
  return (Array.isArray(patch) ? patch as readonly Json[] : []).map((item) => {
    const { op, path, from, value } = membersOf(item) ?? {}
    return { op: String(op), path: stepsOf(String(path)), from: op === 'move' || op === 'copy' ? stepsOf(String(from)) : null, value }
  })
}

/** What a patch sets, as a partial object: of a JSON patch each value at its place, positions of a list as members. Nothing else of the object is known from it. */
export function settingOf(contentType: string | null, body: Json): readonly Json[] {
  if (contentType !== 'application/json-patch+json') return [body]
  return operationsOf(body).filter(({ op }) => op === 'add' || op === 'replace').map(({ path, value }) => path.reduceRight<Json>((inner, step) => ({ [step]: inner }), value ?? null))
}
