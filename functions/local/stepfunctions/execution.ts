import { createHash } from 'node:crypto'
import * as z from 'zod'

/**
 * One execution as it is kept. `phase` says where it stands in its state: `ready` (entered, nothing begun), `called` (the function was called), `waiting`
 * (the function came back, its token has not), `delayed` (a retry is due). `at` is the deadline of `called` and `waiting`, the moment of `delayed`; epoch ms.
 */
export const executionShape = z.strictObject({
  id: z.string().regex(/^[0-9a-f]{32}$/), arn: z.string(), name: z.string(), machine: z.string(), definition: z.string(), input: z.string(), startedAt: z.number(),
  status: z.enum(['RUNNING', 'SUCCEEDED', 'FAILED', 'ABORTED']), stoppedAt: z.number().nullable(), output: z.string().nullable(), error: z.string().nullable(), cause: z.string().nullable(),
  state: z.string(), enteredAt: z.number(), data: z.json(), phase: z.enum(['ready', 'called', 'waiting', 'delayed']), at: z.number().nullable(), retries: z.array(z.number()),
  /** Counts its changes, but the one from `called` to `waiting`: whatever began under another number comes too late. */
  seq: z.int(),
})
export type Execution = z.infer<typeof executionShape>

/** `definition` is the name of the text, so that an execution ends under the one it began with. */
export const machineShape = z.strictObject({ arn: z.string(), name: z.string(), roleArn: z.string(), definition: z.string(), createdAt: z.number(), updatedAt: z.number() })
export type Machine = z.infer<typeof machineShape>

export const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')
/** What an execution is kept under, and its task tokens name it by. */
export const idOf = (arn: string): string => sha256(arn).slice(0, 32)
