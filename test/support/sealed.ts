import type { Dynamo } from '../../functions/aws/dynamo.ts'
import { createKeys } from '../../functions/aws/keys.ts'
import { createLedger } from '../../functions/aws/ledger.ts'
import { createRequests } from '../../functions/aws/requests.ts'
import { createHints } from '../../functions/hint.ts'
import { sealing } from '../../functions/record/content.ts'
import { createSequencer } from '../../functions/sequence.ts'
import { createRig, type Rig } from '../contract/rig.ts'
import { createConsole } from '../cli/console.ts'
import { createMemoryLog } from './log.ts'
import { demo } from './policy.ts'
import { createWorld } from './ports.ts'
import type { PolicyDocument } from '../../schema/policy.ts'

/** An auditor who may erase: nobody else in the test policy may. */
export const eraser = { subject: 'user:erika@acme.dev', groups: ['erasers'] }
const mayErase: PolicyDocument = { version: 1, kind: 'role', name: 'eraser', members: [{ group: 'erasers' }], rules: [{ allow: ['delete'], connection: 'sluice', on: ['audit'] }] }

/** A gate whose record and keys lie in a real DynamoDB server, whose log is written, and the raw store behind it. */
export async function createSealedWorld(more: Readonly<Record<string, PolicyDocument>> = {}) {
  const rig: Rig = await createRig('signed')
  const world = createWorld({ ...demo, 'roles/eraser.yaml': mayErase, ...more })
  const now = () => world.clock.ms
  const open = (dynamo: Dynamo) => {
    const parts = { hot: dynamo, cold: dynamo, now }
    const keys = createKeys(parts)
    const raw = { ledger: createLedger(parts), requests: createRequests(parts) }
    return { raw, ...sealing(raw, keys, now) }
  }
  const process = open(rig.dynamo)
  const memory = createMemoryLog()
  Object.assign(world.ports, { ledger: process.ledger, keys: process.keys, log: memory.log })
  const sequencer = createSequencer({ now, ledger: process.raw.ledger, alarm: world.ports.alarm, log: memory.log }, createHints())
  return {
    ...createConsole(world), rig, memory, sequencer, keys: process.keys, raw: process.raw,
    /** Another process on the same store: its own sheet of keys. */
    other: () => open(rig.dynamo),
    /** Every item of a table, as the store has it. */
    async bytesOf(table: 'audit' | 'keys'): Promise<string> {
      const day = new Date(world.clock.ms).toISOString().slice(0, 10)
      const partitions = table === 'keys' ? [day] : [...'0123456789abcdef'].map((shard) => `${day}#${shard}`)
      const pages = await Promise.all(partitions.map((pk) => rig.dynamo('Query', { TableName: `sluice-${table}`, KeyConditionExpression: 'pk = :pk', ExpressionAttributeValues: { ':pk': { S: pk } } })))
      return JSON.stringify(pages.flatMap(({ Items: items }) => items ?? []))
    },
  }
}
export type SealedWorld = Awaited<ReturnType<typeof createSealedWorld>>
