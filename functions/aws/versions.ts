import { Fault } from '../ports.ts'

/** One version of an object, or a delete marker, which is a version that hides those before it. */
export interface Version { readonly path: string; readonly id: string; readonly marker: boolean }
/** `next`: where the list goes on. */
export interface Versions { readonly versions: readonly Version[]; readonly next: { readonly key: string; readonly version: string } | null }

/**
 * Reads the answer of S3's ListObjectVersions (ListVersionsResult of https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectVersions.html). Paths of the log hold nothing that XML escapes, and version
 * ids are opaque and safe in a URL. Throws Fault for what is no whole answer: half a list would be a shorter log.
 */
export function readVersions(xml: string): Versions {
  if (!/<\/ListVersionsResult>\s*$/.test(xml)) throw new Fault('store-unavailable', 'the bucket gave no list of versions')
  const versions = [...xml.matchAll(/<(Version|DeleteMarker)>(.*?)<\/\1>/gs)].map(([, kind, inner = '']) => ({ path: textOf(inner, 'Key'), id: textOf(inner, 'VersionId'), marker: kind === 'DeleteMarker' }))
  if (textOf(xml, 'IsTruncated') !== 'true') return { versions, next: null }
  return { versions, next: { key: textOf(xml, 'NextKeyMarker'), version: textOf(xml, 'NextVersionIdMarker', '') } }
}

function textOf(xml: string, tag: string, missing?: string): string {
  const text = new RegExp(`<${tag}>([^<&]*)</${tag}>`).exec(xml)?.[1] ?? missing
  if (text === undefined) throw new Fault('store-unavailable', `the bucket's list of versions has no ${tag}`)
  return text
}
