import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import type { User } from './rbac.ts'

/** Tokens of this API server: those of service accounts it mints itself, and the few it was started with. Its key dies with the process. */
export interface Tokens {
  /** For `namespace/name`; ends at `until`, epoch seconds. */
  mint(namespace: string, name: string, uid: string, until: number, audiences: readonly string[]): string
  /** A token for a user of this run, such as the administrator. */
  give(user: User): string
  /** null: not ours, or over. `stands`: whether that service account is still there. */
  read(token: string, stands: (namespace: string, name: string, uid: string) => boolean): User | null
}
interface Claims { readonly sub: string; readonly exp: number; readonly uid: string }
const audience = 'https://kubernetes.default.svc'

export function createTokens(now: () => number): Tokens {
  const key = randomBytes(32)
  const given = new Map<string, User>()
  const sign = (head: string) => createHmac('sha256', key).update(head).digest('base64url')
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  return {
    mint(namespace, name, uid, until, audiences) {
      const iat = Math.floor(now() / 1000)
      const head = `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ aud: audiences.length ? audiences : [audience], exp: until, iat, iss: audience, jti: randomBytes(12).toString('hex'), sub: `system:serviceaccount:${namespace}:${name}`, uid })}`
      return `${head}.${sign(head)}`
    },
    give(user) {
      const token = `given-${randomBytes(24).toString('base64url')}`
      given.set(token, user)
      return token
    },
    read(token, stands) {
      const known = given.get(token)
      if (known) return known
      const [first = '', second = '', signature = ''] = token.split('.')
      const [mine, theirs] = [Buffer.from(sign(`${first}.${second}`)), Buffer.from(signature)]
      if (mine.length !== theirs.length || !timingSafeEqual(mine, theirs)) return null
      const { sub, exp, uid } = JSON.parse(Buffer.from(second, 'base64url').toString()) as Claims
      const [, , namespace = '', name = ''] = sub.split(':')
      if (exp * 1000 <= now() || !stands(namespace, name, uid)) return null
      return { name: sub, uid, groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'] }
    },
  }
}
