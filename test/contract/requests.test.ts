import type { Event } from '../../schema/event.ts'
import { tables } from '../../schema/item.ts'
import { createIds } from '../../functions/aws/ulid.ts'
import { createMemoryRequests } from '../support/requests.ts'
import type { RequestRig } from './asking.ts'
import { requestsContract } from './requests.ts'
import { carriers, createRig } from './rig.ts'

requestsContract('memory', async () => {
  const clock = { ms: Date.parse('2026-11-22T09:00:00.000Z') }
  const now = () => clock.ms
  const events: Event[] = []
  const { requests, stored, fail, heal } = createMemoryRequests({ now, events })
  return {
    clock, ids: { now, id: createIds(now) }, requests, other: () => requests, fail, heal,
    event: async (id) => events.find((event) => event.id === id) ?? null, append: async (event) => events.push(event), close: async () => undefined,
    remember: async (id) => { const was = stored.get(id); return async () => was && stored.set(id, was) },
  }
})

for (const carrier of carriers) {
  requestsContract(`DynamoDB, ${carrier}`, async (): Promise<RequestRig> => {
    const rig = await createRig(carrier)
    return {
      clock: rig.clock, ids: rig.ports, requests: rig.ports.requests, other: () => rig.other().requests, event: (id) => rig.ports.ledger.get(id), append: (event) => rig.ports.ledger.append(event),
      remember: async (id) => {
        const { Item } = await rig.dynamo('GetItem', { TableName: tables.requests.name, Key: { pk: { S: id } } })
        return () => rig.dynamo('PutItem', { TableName: tables.requests.name, Item })
      },
      fail: (how) => rig.break(how === 'stored' ? { after: 'error' } : { before: 'error' }, { operation: 'TransactWriteItems' }), heal: () => rig.heal(), close: () => rig.close(),
    }
  })
}
