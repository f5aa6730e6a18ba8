import { createHash, createHmac, pbkdf2Sync, timingSafeEqual } from 'node:crypto'

/** Does a password fit what pg_authid keeps (RFC 5803: `SCRAM-SHA-256$iterations:salt$stored:server`)? Anything else fits nothing. */
export function proves(password: string, stored: string | null): boolean {
  const [, iterations, salt, key] = /^SCRAM-SHA-256\$(\d+):([^$]+)\$([^:]+):/.exec(stored ?? '') ?? []
  if (iterations === undefined || salt === undefined || key === undefined) return false
  const salted = pbkdf2Sync(password, Buffer.from(salt, 'base64'), Number(iterations), 32, 'sha256')
  const ours = createHash('sha256').update(createHmac('sha256', salted).update('Client Key').digest()).digest()
  const theirs = Buffer.from(key, 'base64')
  return ours.length === theirs.length && timingSafeEqual(ours, theirs)
}
