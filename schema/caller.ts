/** Who calls, as the token proves it and the issuer's document names it. */
export interface Principal {
  /** `user:…` or `agent:…` */
  readonly id: string
  readonly kind: 'user' | 'agent'
  /** Only groups the issuer's document accepts. */
  readonly groups: readonly string[]
}
export interface Caller {
  /** Name of the issuer document. */
  readonly issuer: string
  readonly subject: Principal
  /** The `act` chain of RFC 8693, current actor first; empty when the subject itself calls. */
  readonly actors: readonly Principal[]
  /** A human signed in through a client named in `people`, with no `act`. Only such may ever decide a request. */
  readonly person: boolean
  /** The verified payload, for `when`. */
  readonly claims: Readonly<Record<string, unknown>>
  /** Epoch ms. */
  readonly expiresAt: number
}
