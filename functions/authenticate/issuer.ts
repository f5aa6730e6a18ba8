import type { IssuerDocument } from '../../schema/policy.ts'
import type { Self } from '../ports.ts'
import type { Token, TokenType } from './token.ts'

/** What one issuer's tokens are held to. The object named by `source` is its identity: another document, another trust. */
export interface Trust {
  readonly name: string
  /** Exactly as in `iss` and in the issuer's own metadata. */
  readonly issuer: string
  readonly types: readonly TokenType[]
  /** null for the implied local issuer, which names its subjects itself and whose groups are all accepted. */
  readonly document: IssuerDocument | null
  readonly source: object
}

/** Bounds the work per token; no honest token names more. */
const maxAudiences = 32

/**
 * The one issuer a token claims to be from, by exact `iss` and audience. null when none is, or more than one document would fit: then nothing says
 * whose rules hold. A document named `local` is never used: records say `local` for what the local provider vouched for, and only for that.
 */
export function findIssuer(token: Token, documents: readonly IssuerDocument[], local: Self['localIssuer']): Trust | null {
  const { iss, aud } = token.payload
  const audiences = readAudiences(aud)
  if (typeof iss !== 'string' || !audiences) return null
  const named = documents.filter((document) => document.issuer === iss && document.name !== 'local')
  if (named.length === 0) {
    if (!local || local.issuer !== iss || !audiences.includes(local.audience)) return null
    return { name: local.name, issuer: local.issuer, types: ['at+jwt'], document: null, source: local }
  }
  const fitting = named.filter((document) => [document.audience].flat().some((audience) => audiences.includes(audience)))
  const [document] = fitting
  if (!document || fitting.length > 1) return null
  return { name: document.name, issuer: document.issuer, types: document.typ ?? ['at+jwt', 'JWT'], document, source: document }
}

function readAudiences(aud: unknown): readonly string[] | null {
  if (typeof aud === 'string') return [aud]
  if (!Array.isArray(aud) || aud.length === 0 || aud.length > maxAudiences) return null
  const texts: readonly unknown[] = aud
  return texts.every((text) => typeof text === 'string') ? texts : null
}
