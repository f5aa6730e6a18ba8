import type { Caller, Principal } from '../../schema/caller.ts'
import type { IssuerDocument } from '../../schema/policy.ts'
import { ok, type Result } from '../../schema/refusal.ts'
import { readGroups } from './groups.ts'
import type { Trust } from './issuer.ts'
import { kindOf, nameSubject, readSubject } from './name.ts'
import { invalidToken } from './token.ts'

type Claims = Readonly<Record<string, unknown>>
/** Longer chains are no delegation anybody can reason about. */
export const maxActors = 4
/** Where issuers write which client a token was given to: RFC 9068, OpenID Connect (Auth0, Google, Entra v2), Okta, Entra v1. */
const clientClaims = ['client_id', 'azp', 'cid', 'appid'] as const

/** Who a verified payload speaks for: subject, the `act` chain (RFC 8693 section 4.1), and whether it is a person. */
export function readCaller(claims: Claims, trust: Trust): Result<Pick<Caller, 'issuer' | 'subject' | 'actors' | 'person'>> {
  const actors = readActors(claims, trust)
  if (!actors.ok) return actors
  // `act` at all, whatever is in it, means that somebody else holds the token.
  const person = !Object.hasOwn(claims, 'act') && (trust.document === null ? readPrefix(claims) === 'user' : signedInPerson(claims, trust.document))
  const subject = readPrincipal(claims, trust, person)
  if (!subject.ok) return subject
  return ok({ issuer: trust.name, subject: subject.value, actors: actors.value, person })
}

/**
 * A person came through a client that signs people in. Every claim that names a client must name one of those. A client may also ask for a token in
 * its own name (client credentials); that one has no person behind it, and its subject is the client (RFC 9068 section 2.2) or the issuer says so.
 */
function signedInPerson(claims: Claims, document: IssuerDocument): boolean {
  const people = document.people
  if (!people) return false
  const clients = clientClaims.filter((name) => Object.hasOwn(claims, name)).map((name) => claims[name])
  if (clients.length === 0) return false
  for (const client of clients) {
    if (typeof client !== 'string' || !people.clients.includes(client)) return false
    if (claims['sub'] === client || claims['sub'] === `${client}@clients`) return false
  }
  return claims['gty'] !== 'client-credentials' && claims['idtyp'] !== 'app'
}

const readPrefix = (claims: Claims): 'user' | 'agent' | null => {
  const subject = readSubject(claims['sub'])
  return subject.ok ? kindOf(subject.value) : null
}

function readPrincipal(claims: Claims, trust: Trust, person: boolean): Result<Principal> {
  const groups = readGroups(claims, trust)
  if (!groups.ok) return groups
  const { document } = trust
  const id = document === null ? readSubject(claims['sub']) : nameSubject(person && document.people ? document.people.subject : document.agents.subject, claims)
  if (!id.ok) return id
  const kind = kindOf(id.value)
  // Held again here although the schema holds it: a `user:` that is an agent would pass every rule that asks of agents only.
  if (document !== null && (kind === 'user') !== person) return invalidToken('the subject template does not fit the kind of caller')
  return ok({ id: id.value, kind, groups: groups.value })
}

function readActors(claims: Claims, trust: Trust): Result<readonly Principal[]> {
  const actors: Principal[] = []
  let holder = claims
  while (Object.hasOwn(holder, 'act')) {
    const act = holder['act']
    if (act === null || typeof act !== 'object' || Array.isArray(act)) return invalidToken('`act` is no object')
    if (actors.length === maxActors) return invalidToken('the `act` chain is too long')
    holder = act as Claims
    if (typeof holder['sub'] !== 'string' || holder['sub'] === '') return invalidToken('an actor without `sub`')
    // An actor of another issuer would be given a name that belongs to one of this issuer's subjects.
    if (Object.hasOwn(holder, 'iss') && holder['iss'] !== trust.issuer) return invalidToken('an actor of another issuer')
    const actor = readPrincipal(holder, trust, false)
    if (!actor.ok) return actor
    actors.push(actor.value)
  }
  return ok(actors)
}
