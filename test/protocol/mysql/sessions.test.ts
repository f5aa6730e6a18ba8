import { expect, test } from 'vitest'
import { createSessions } from '../../../functions/protocol/mysql/sessions.ts'
import type { Session } from '../../../functions/protocol/mysql/transport.ts'

/** Sessions by number, which end when `over` says so. */
function world() {
  const over = new Set<number>()
  const ended: number[] = []
  let opened = 0
  const sessions = createSessions((): Session => {
    const own = ++opened
    return { run: async () => ({ fields: [], rows: [], affected: 0 }), end: () => { ended.push(own) }, over: () => over.has(own) }
  }, () => 1_000_000)
  return { sessions, over, ended }
}

test('a session that was told to stop as it answered never rests, so that nobody else is in it when the stop arrives', () => {
  const { sessions, over, ended } = world()
  const lease = sessions.open('url', 'pins')
  over.add(1)
  lease.rest()
  expect([sessions.kept('url', 'pins'), ended]).toEqual([null, [1]])
})
test('nor is one lent that was over by the time somebody wanted it; another at rest is', () => {
  const { sessions, over, ended } = world()
  const [first, second] = [sessions.open('url', 'pins'), sessions.open('url', 'pins')]
  first.rest()
  second.rest()
  over.add(2)
  const kept = sessions.kept('url', 'pins')
  expect([kept?.session.over?.(), ended]).toEqual([false, [2]])
  kept?.end()
  expect([sessions.kept('url', 'pins'), ended]).toEqual([null, [2, 1]])
})
