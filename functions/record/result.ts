import { hash } from 'node:crypto'
import type { ResultRecord } from '../../schema/event.ts'
import type { Masked } from '../protocol/protocol.ts'
import { redactText } from './redact.ts'

/** Bytes of UTF-8 of a masked answer that are kept. */
const keptBytes = 32 * 1024
const texts = new WeakMap<Masked, string>()

/** The results of an answer as JSON, written once for the record and for the caller. */
export function resultsText(masked: Masked): string {
  const known = texts.get(masked)
  if (known !== undefined) return known
  const text = JSON.stringify(masked.results)
  texts.set(masked, text)
  return text
}

/**
 * The masked answer as the record keeps it. `revealed`: classes that came in clear for this caller; then nothing of it is kept, because who reads the audit need not be one to whom they may be
 * shown. null: there is nothing of this form to keep.
 */
export function resultOf(masked: Masked, revealed: readonly string[]): ResultRecord | null {
  if (masked.answer !== undefined) return null
  const text = resultsText(masked)
  const bytes = Buffer.byteLength(text)
  return { bytes, sha256: hash('sha256', text, 'hex'), text: revealed.length > 0 ? null : redactText(bytes <= keptBytes ? text : beginningOf(text)) }
}

/** Never half a character: a decoder that waits for the rest leaves it out. */
const beginningOf = (text: string): string => new TextDecoder().decode(Buffer.from(text.slice(0, keptBytes)).subarray(0, keptBytes), { stream: true })
