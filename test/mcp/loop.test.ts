import { getRequestListener } from '@hono/node-server'
import { expect, test } from 'vitest'
import { overHttp, overMcp, table, type Place } from '../../bench/agent/loop.ts'
import type { Id } from '../../schema/event.ts'
import { openFront } from '../../functions/local/front.ts'
import { createApproving } from '../support/approvals.ts'

/** A gate on loopback whose requests proceed as soon as a person has decided. */
async function started() {
  const at = createApproving()
  Object.assign(at.ports.approvals.workflow, { wake: async (id: Id<'arq'>) => { setTimeout(() => void at.approver.proceed(id), 10) } })
  const front = await openFront(0)
  front.serve(getRequestListener(at.app.fetch))
  const place: Place = { url: front.url, personMs: 300, secondMs: 50, token: (subject, groups) => at.world.token({ subject, groups }) }
  return { at, place, close: front.close }
}

test('an agent\'s errand: refusal, request, a person\'s approval, result, over HTTP by polling, by holding, and over MCP', async () => {
  const { at, place, close } = await started()
  const tallies = [await overHttp(place, false), await overHttp(place, true), await overMcp(place)]
  await close()
  console.log(table(tallies))
  expect(tallies.map(({ way, done }) => [way, done])).toEqual([['HTTP, polling', true], ['HTTP, Prefer: wait', true], ['MCP', true]])
  expect(at.world.engine.ran).toHaveLength(3)
  const waiting = tallies.map(({ steps }) => steps.find(({ step }) => step.startsWith('waiting'))?.calls)
  expect(waiting[2]).toBe(1)
  const [polling, , mcp] = tallies.map(({ steps }) => steps.reduce((sum, { written, read }) => sum + written + read, 0))
  expect(mcp).toBeLessThan(polling ?? 0)
})
