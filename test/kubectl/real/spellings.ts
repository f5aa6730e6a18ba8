import { Agent } from 'node:https'
import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { disagreements, type Heard } from '../agreement.ts'
import { bodyOf, callAt, method, prefix, spelling } from '../spell.ts'
import { followAudit } from './audit.ts'
import type { Stand } from './stand.ts'

const account = 'system:serviceaccount:sluice:operator'
export function spellings(at: () => Stand): void {
  it('however a path is spelt: the API server\'s own audit log agrees with every decision', async () => {
    const { real, gated, token, furnish } = at()
    const follow = followAudit(real.audit, account)
    const agent = new Agent({ keepAlive: true, ca: gated.authority, maxSockets: 1 })
    const call = callAt(gated.url, agent, token)
    await follow()
    const tally = { forwarded: 0, requests: 0, resources: 0 }
    await fc.assert(fc.asyncProperty(method, prefix, spelling, async (how, before, target) => {
      const from = gated.world.events.length
      await call(how, `${before}${target}`, bodyOf(how, target))
      const heard: readonly Heard[] = await follow()
      if (heard.length > 0) tally.forwarded++
      tally.requests += heard.length
      tally.resources += heard.filter(({ reading }) => reading?.isResource).length
      expect(disagreements(heard, gated.world.events.slice(from))).toEqual([])
      if (how === 'DELETE' && heard.length > 0) await furnish()
    }), { numRuns: Number(process.env['SLUICE_RUNS'] ?? 1000) }).finally(() => agent.destroy())
    console.warn(`in the audit log: ${tally.requests} requests of ${tally.forwarded} spellings that were forwarded, ${tally.resources} for a resource`)
    expect(tally.resources).toBeGreaterThan(20)
  }, 300_000)
}
