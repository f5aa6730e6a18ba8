import { hash } from 'node:crypto'
import type { Id } from '../../../schema/event.ts'
import { FormatError } from './format.ts'

/** Everything one head adds to the log, in one object, so that whoever finds that head can bring it into effect: the tiles to write, and which event got which index. */
export interface Stage {
  /** Index of the first of `ids`. */
  readonly first: number
  readonly ids: readonly Id<'evt'>[]
  readonly tiles: readonly { readonly path: string; readonly bytes: Uint8Array }[]
  /** The staged object of the head before, of no use once this one is in effect. */
  readonly before: string | null
}

/** Named by its content: two sequencers that meet at one revision stage beside each other, and what is read back is what was staged. */
export const stagePath = (revision: number, bytes: Uint8Array): string => `staging/${revision}-${hash('sha256', bytes, 'hex').slice(0, 40)}`

/** One line of JSON, then the tiles' bytes one after the other. */
export function encodeStage({ first, ids, tiles, before }: Stage): Buffer {
  const header = JSON.stringify({ first, ids, before, tiles: tiles.map(({ path, bytes }) => ({ path, length: bytes.length })) })
  return Buffer.concat([Buffer.from(`${header}\n`), ...tiles.map(({ bytes }) => bytes)])
}

/** Throws FormatError for bytes that are not what was staged under this path. */
export function decodeStage(path: string, bytes: Uint8Array): Stage {
  const staged = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (stagePath(Number(/^staging\/(\d+)-/.exec(path)?.[1] ?? NaN), staged) !== path) throw new FormatError('the staged object is damaged')
  const end = staged.indexOf(10)
  const { first, ids, before, tiles } = JSON.parse(staged.toString('utf8', 0, end)) as Omit<Stage, 'tiles'> & { readonly tiles: readonly { readonly path: string; readonly length: number }[] }
  let at = end + 1
  return { first, ids, before, tiles: tiles.map(({ path: name, length }) => ({ path: name, bytes: staged.subarray(at, at += length) })) }
}
