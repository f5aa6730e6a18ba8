/** Deeper than any honest claims set; keeps every later walk over the payload bounded. */
const maxDepth = 12

// fatal: ill-formed UTF-8 has two readings. ignoreBOM: true keeps a byte order mark in the text, where it is no JSON.
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Reads one part of a token: bytes of a JSON object in which no member is named twice at any depth. null for anything else.
 * A parser that takes the last of two `sub` members and a reviewer that takes the first see two different callers.
 */
export function readObject(bytes: Uint8Array): Readonly<Record<string, unknown>> | null {
  let value: unknown
  let text: string
  try {
    text = utf8.decode(bytes)
    value = JSON.parse(text)
  } catch {
    return null
  }
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return null
  const written = countMembers(text)
  return written !== null && written === keptMembers(value) ? (value as Record<string, unknown>) : null
}

/** Members as written: in valid JSON each has one colon outside strings. null when nested too deep. */
function countMembers(text: string): number | null {
  let members = 0
  let depth = 0
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit === 0x22) {
      for (i++; i < text.length && text.charCodeAt(i) !== 0x22; i++) if (text.charCodeAt(i) === 0x5c) i++
    } else if (unit === 0x3a) members++
    else if (unit === 0x7b || unit === 0x5b) {
      if (++depth > maxDepth) return null
    } else if (unit === 0x7d || unit === 0x5d) depth--
  }
  return members
}

/** Members that survived parsing; fewer than written means a name came twice, however it was escaped. `__proto__` never survives. */
function keptMembers(value: unknown): number {
  if (value === null || typeof value !== 'object') return 0
  let members = 0
  if (Array.isArray(value)) {
    for (const item of value) members += keptMembers(item)
    return members
  }
  for (const [name, item] of Object.entries(value)) {
    if (name !== '__proto__') members += 1 + keptMembers(item)
  }
  return members
}
