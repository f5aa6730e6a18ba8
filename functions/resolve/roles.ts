import type { Caller, Principal } from '../../schema/caller.ts'

/** What resolve needs of a policy; whoever compiles one offers it. */
export interface Membership { rolesOf(principal: Principal): readonly string[] }

/** Every role of the subject and of every actor, sorted: what the record names and what a role's lock stops. */
export function rolesOf(policy: Membership, caller: Caller): readonly string[] {
  return [...new Set([caller.subject, ...caller.actors].flatMap((principal) => policy.rolesOf(principal)))].sort()
}
