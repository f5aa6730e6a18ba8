import * as z from 'zod'
import { maxWordBytes, maxWords } from './command.ts'

/** Caps of CONTRACT.md section 2, in bytes of UTF-8. */
export const maxBodyBytes = 1024 * 1024
export const maxStatementBytes = 64 * 1024
export const maxParametersBytes = 256 * 1024
export const maxParameters = 1000
export const maxStatements = 50

/** A bound value. 64-bit integers and numerics travel as strings; arrays are PostgreSQL arrays; objects are JSON. */
const param = z.json()

const purpose = z.string().min(1).max(500)
const reveal = z.array(z.string().min(1).max(64)).max(32)
const rowMode = z.enum(['object', 'array'])
const maxRows = z.int().min(1).max(100_000)
const one = z.strictObject({ sql: z.string().min(1), params: z.array(param).optional() })

/** Body of `POST /v1/connections/{c}/query` and `/explain`: one statement, or a transaction of several. */
export const queryBody = z.union([
  z.strictObject({
    sql: z.string().min(1), params: z.array(param).optional(), purpose: purpose.optional(), reveal: reveal.optional(),
    rowMode: rowMode.optional(), maxRows: maxRows.optional(),
  }),
  z.strictObject({
    transaction: z.array(one).min(1).max(maxStatements),
    isolation: z.enum(['read committed', 'repeatable read', 'serializable']).optional(),
    purpose: purpose.optional(), reveal: reveal.optional(), rowMode: rowMode.optional(), maxRows: maxRows.optional(),
  }),
])

/** Names as a cluster has them (RFC 1123). */
const label = z.string().regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'is a lower-case name of letters, digits and `-`')
const dotted = z.string().regex(/^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/, 'is a lower-case name of letters, digits, `-` and `.`')
const words = z.array(z.string('is one word of the command, as text').max(maxWordBytes).refine((word) => word.isWellFormed() && !word.includes('\0'), 'holds what no argument can'), 'is the list of the command\'s words, such as ["df", "-h"]').min(1, 'names no program').max(maxWords)
/** Body of `POST /v1/connections/{c}/exec`: a command in a container of a cluster, or on a host. No input and no terminal: a command that waits for either ends at its time. */
export const podBody = z.strictObject({ namespace: label, pod: dotted, container: label.optional(), purpose: purpose.optional(), command: words })
export const hostBody = z.strictObject({ command: words, purpose: purpose.optional() })

export type Param = z.infer<typeof param>
export interface Statement { readonly sql: string; readonly params: readonly Param[] }

/** The body after the rim: one form for one statement and for several. */
export interface Query {
  readonly statements: readonly Statement[]
  /** true when the caller sent `transaction`, also with one statement: decides the shape of the answer. */
  readonly batch: boolean
  readonly isolation: 'read committed' | 'repeatable read' | 'serializable'
  readonly purpose: string | null
  readonly reveal: readonly string[]
  readonly rowMode: 'object' | 'array'
  readonly maxRows: number | null
  /**
   * Left out: SQL. `kubernetes`: one statement, whose `sql` is the method and the path with its query, canonical (`PATCH /apis/apps/v1/namespaces/web/deployments/front?fieldManager=kubectl`),
   * and whose `params` are the headers that matter and the body (functions/kubernetes.ts). `ssh`: one statement, a command as one line (command.ts), without parameters.
   */
  readonly form?: 'kubernetes' | 'ssh'
  /**
   * The statements as the record and the people who decide may see them, where what is sent holds values that they may not: the data of a Secret, a token. The engine that reads the
   * call makes it, each such value replaced by a mark; what is approved is bound as sent. Left out: as sent.
   */
  readonly told?: readonly Statement[]
  /** What of the target the caller may see, as `/schema` shows it: for a plan that `wants` it, made by the gate and never by the caller. */
  readonly seen?: readonly Seen[]
}
/** A table or view with the columns that are shown of it. */
export interface Seen { readonly schema: string; readonly name: string; readonly columns: readonly string[] }
