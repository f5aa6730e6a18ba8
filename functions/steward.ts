import type { Effects } from '../schema/effects.ts'
import { ok, refuse, type Result } from '../schema/refusal.ts'
import type { Query } from '../schema/request.ts'
import { applyWords, createAdministration, erase, erasesWords } from './administer.ts'
import type { Asked as Question } from './decide/decide.ts'
import type { Admitted } from './door.ts'
import { createLocking, liftWords, lockOn, lockWords } from './locking.ts'
import { createOwn, judgeOwn, type Asked, type Story } from './own.ts'
import type { Gate } from './gate.ts'
import type { Ports } from './ports.ts'

/**
 * What people approved of the gate's own resources: a policy, a lock. It knows what a request of connection `sluice` means by its first words, which the
 * gate itself wrote when it asked; those and the body are in the digest.
 */
export function createSteward(ports: Ports, gate: Gate) {
  const own = createOwn(ports, gate)
  const administration = createAdministration(ports, own)
  const locking = createLocking(ports, own)
  return {
    /** The decision as of now. Refuses what the gate never asks for. */
    judge(admitted: Admitted, query: Query, approved: (effects: Effects) => Question['approved']): Result<ReturnType<typeof judgeOwn>> {
      const chore = readChore(query)
      return chore ? ok(judgeOwn(admitted, chore.asked, ports.now(), approved, chore.kind === 'apply' ? '' : lockOn(admitted.locks, chore.target))) : refuse({ slug: 'denied', reason: 'no_rule', next: 'none', detail: 'the gate has no such resource' })
    },
    async perform(admitted: Admitted, query: Query, story: Story): Promise<Result<unknown>> {
      const chore = readChore(query)
      const body = async () => ok<unknown>(query.statements[0]?.params[0] ?? null)
      switch (chore?.kind) {
        case 'apply': return administration.replace(admitted.caller, body, story, { erase: chore.asked.some(({ action }) => action === 'delete'), keys: null })
        case 'lock': return locking.lock(admitted, chore.target, body, story, lockOn(admitted.locks, chore.target))
        case 'lift': return locking.unlock(chore.target, story, lockOn(admitted.locks, chore.target))
        case undefined: throw new TypeError('a chore that was judged and is none')
      }
    },
  }
}

type Read = { readonly kind: 'apply' | 'lock' | 'lift'; readonly target: string; readonly asked: readonly Asked[] }
function readChore({ statements }: Query): Read | null {
  const [line = ''] = (statements[0]?.sql ?? '').split('\n')
  if (statements.length !== 1) return null
  if (line.startsWith(`${applyWords} `)) return { kind: 'apply', target: '', asked: [{ action: 'apply', resource: 'policy' }, ...line.includes(erasesWords) ? [erase] : []] }
  for (const [kind, words] of [['lock', lockWords], ['lift', liftWords]] as const) {
    if (line.startsWith(`${words} `)) return { kind, target: line.slice(words.length + 1), asked: [{ action: 'set', resource: 'locks' }] }
  }
  return null
}
