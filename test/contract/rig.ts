import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Dynamo } from '../../functions/aws/dynamo.ts'
import { createIdempotency } from '../../functions/aws/idempotency.ts'
import { createKeys } from '../../functions/aws/keys.ts'
import { createLedger } from '../../functions/aws/ledger.ts'
import { createLogStore } from '../../functions/aws/logstore.ts'
import { createMeter } from '../../functions/aws/meter.ts'
import { createPolicies } from '../../functions/aws/policies.ts'
import type { Stores } from '../../functions/aws/ports.ts'
import { createRequests } from '../../functions/aws/requests.ts'
import { sdkDynamo } from '../../functions/aws/sdk.ts'
import { signedDynamo } from '../../functions/aws/signed.ts'
import { createTables } from '../../functions/aws/tables.ts'
import { createIds } from '../../functions/aws/ulid.ts'
import { type Fault, startDynamo } from '../../functions/local/dynamodb.ts'
import type { Ledger } from '../../functions/ports.ts'
import { sealing } from '../../functions/record/content.ts'
import type { Event } from '../../schema/event.ts'
import { createMemoryKeys } from '../support/keys.ts'

export const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY', sessionToken: 'a/session+token==' }
export const carriers = ['signed', 'sdk'] as const

export interface Rig {
  readonly clock: { ms: number }
  readonly ports: Stores
  /** Another process: nothing shared but the store. */
  other(): Stores
  /** Raw access, for tests that damage what is stored. */
  readonly dynamo: Dynamo
  /** Makes calls fail until `heal`. `only`: how many of them. */
  break(fault: Fault, options?: { readonly operation?: string; readonly only?: number; readonly skip?: number }): void
  heal(): void
  /** Operations since the last ask. */
  calls(): string[]
  /** How many items queries gave since the last ask. */
  given(): number
  close(): Promise<void>
}

/** A real local server whose clock, faults and signatures a test holds, and the adapters on one of the two transports. */
export async function createRig(carrier: (typeof carriers)[number]): Promise<Rig> {
  const clock = { ms: Date.parse('2026-11-22T09:00:00.000Z') }
  let fault: { readonly fault: Fault; readonly operation: string | null; left: number; skip: number } | null = null
  let calls: string[] = []
  let given = 0
  const directory = mkdtempSync(join(tmpdir(), 'sluice-rig-'))
  const server = await startDynamo({
    directory: join(directory, 'db'), credentials, now: Date.now,
    faults: ({ operation }) => {
      calls.push(operation)
      if (!fault || (fault.operation !== null && fault.operation !== operation) || fault.left <= 0) return null
      if (fault.skip-- > 0) return null
      fault.left--
      return fault.fault
    },
  })
  const closers: (() => void)[] = []
  const sealed = createMemoryKeys()                                  // so that a test counts and breaks the calls of the store it is about
  function carry(): Dynamo {
    const place = { region: 'eu-west-1', endpoint: server.url, credentials }
    const dynamo = carrier === 'signed' ? signedDynamo({ ...place, now: Date.now, random: () => 0 }) : sdkDynamo(place)
    closers.push(() => dynamo.close())
    const counted: Dynamo = async (operation, input) => {
      const output = await dynamo(operation, input)
      given += output.Items?.length ?? 0
      return output
    }
    return counted
  }
  function stores(): Stores {
    const dynamo = carry()
    const now = () => clock.ms
    const parts = { hot: dynamo, cold: dynamo, now }
    const keys = createKeys(parts)
    const raw = { ledger: createLedger(parts), requests: createRequests(parts) }
    const { ledger: opened, requests } = sealing(raw, sealed, now)
    const ledger: Ledger = {                                         // what is told of sealing is no part of what a test wrote
      ...opened, get: async (id) => { const event = await opened.get(id); return event && plain(event) },
      list: async (...question) => { const page = await opened.list(...question); return { ...page, events: page.events.map(plain) } },
      unsettled: async (...question) => (await opened.unsettled(...question)).map((event) => plain(event) as typeof event),
    }
    return { now, id: createIds(now), policies: createPolicies(parts), ledger, keys, idempotency: createIdempotency(parts), meter: createMeter(parts), requests, logStore: createLogStore(dynamo) }
  }
  const dynamo = carry()
  await createTables(dynamo)
  calls = []
  return {
    clock, ports: stores(), other: stores, dynamo,
    break: (what, { operation = null, only = Infinity, skip = 0 } = {}) => { fault = { fault: what, operation, left: only, skip } },
    heal: () => { fault = null },
    given: () => { const seen = given; given = 0; return seen },
    calls: () => { const seen = calls; calls = []; return seen },
    close: async () => { for (const close of closers) close(); await server.close(); rmSync(directory, { recursive: true, force: true }) },
  }
}

const plain = ({ content: _content, ...event }: Event): Event => event as Event
