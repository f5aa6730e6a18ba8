import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import * as z from 'zod'
import type { AccessRequest } from '../schema/approval.ts'
import type { Id } from '../schema/event.ts'
import { ok, refuse, type Result, type Slug } from '../schema/refusal.ts'
import { openAction, rejectAction } from './approve/blocks.ts'
import { readBytes } from './body.ts'
import type { ChatPerson, Places } from './decide/places.ts'
import { parseJson } from './json.ts'
import type { Ports } from './ports.ts'

export const signingSecret = 'slack-signing-secret'
/** A press carries the message it was made on. */
const maxBytes = 256 * 1024
const toleranceSeconds = 300
const answerMs = 1500

/** What chat may do: `createRequests(…).rejectFromChat`. There is no other word for it to say. */
export type RejectFromChat = (id: string, word: { readonly subject: string; readonly groups: readonly string[]; readonly via: 'slack'; readonly reason: string }) => Promise<{ readonly result: Result<unknown> }>

/** Only what is read; Slack sends much more, in which others may have written anything. */
const press = z.object({
  type: z.literal('block_actions'), user: z.object({ id: z.string().regex(/^[UW][A-Z0-9]{2,20}$/) }), response_url: z.string().max(500).optional(),
  actions: z.array(z.object({ action_id: z.string().max(255), type: z.literal('button'), value: z.string().max(64).optional() })).length(1),
})

/**
 * `POST /v1/slack`: a button was pressed. Receives the raw request; proves that Slack signed these very bytes within five minutes and that they come for
 * the first time; refuses all else. A press can open the page or reject. It never approves: a chat account is no sign-in, and what it shows is a summary.
 */
export function createSlack(ports: Ports, reject: RejectFromChat, current: () => Promise<Result<{ readonly policy: Pick<Places, 'chatPerson'> }>>) {
  return async function pressed(request: Request): Promise<Result<null>> {
    const { approvals } = ports
    if (approvals === null || approvals.post.slack === null) return refuse({ slug: 'not-found', reason: 'no_slack', next: 'none', detail: 'this gate is not connected to Slack' })
    const signed = await verify(request)
    if (!signed.ok) return signed
    const read = readPress(signed.value.text)
    if (!read.ok) return read
    if (!await first(signed.value.signature)) return unsigned('replayed', 'this was sent before')
    const { user, action, id, answerTo } = read.value
    if (action === openAction) return ok(null)                              // the link is followed by the browser; nothing is to be done
    if (action !== rejectAction) {
      ports.alarm('a Slack button that this gate never shows was pressed', { user, action, request: id })
      return refuse({ slug: 'denied', reason: 'not_in_chat', next: 'none', detail: 'chat opens the page or rejects; approving needs the page and a sign-in' })
    }
    const standing = await current()
    if (!standing.ok) return standing
    await answer(answerTo, id, await judge(id, user, standing.value.policy.chatPerson(user)))
    return ok(null)
  }

  /** The order: what costs nothing first, the body only under a cap, the signature before any of it is read. */
  async function verify(request: Request): Promise<Result<{ readonly signature: string; readonly text: string }>> {
    const type = request.headers.get('content-type') ?? ''
    if (!/^application\/x-www-form-urlencoded\s*(;\s*charset\s*=\s*"?utf-8"?\s*)?$/i.test(type) || request.headers.has('content-encoding')) return invalid('content_type', 'Slack sends `application/x-www-form-urlencoded`')
    const at = request.headers.get('x-slack-request-timestamp') ?? ''
    const given = request.headers.get('x-slack-signature') ?? ''
    if (!/^\d{9,11}$/.test(at) || !/^v0=[0-9a-f]{64}$/.test(given)) return unsigned('unsigned', 'a signature of Slack is missing')
    if (Math.abs(Math.floor(ports.now() / 1000) - Number(at)) > toleranceSeconds) return unsigned('signed_at', 'this was signed too long ago, or by a clock that is not ours')
    const bytes = await readBytes(request, maxBytes)
    if (bytes === null) return refuse({ slug: 'too-large', reason: 'body_too_large', next: 'none', detail: 'the body is over 256 KB' })
    if (bytes === 'broken') return invalid('body_broken', 'the body ended before it was complete')
    const expected = createHmac('sha256', await ports.secrets.get(signingSecret)).update(`v0:${at}:`).update(bytes).digest()
    if (!timingSafeEqual(expected, Buffer.from(given.slice(3), 'hex'))) return unsigned('signature', 'the signature is not Slack\'s')
    return ok({ signature: expected.toString('hex'), text: Buffer.from(bytes).toString('latin1') })
  }

  /** One conditional write; kept far longer than a signature is taken for. Throws Fault store-unavailable: then nothing was done, and the person presses again. */
  async function first(signature: string): Promise<boolean> {
    const key = createHash('sha256').update(`slack\n${signature}`).digest('hex')
    return (await ports.idempotency.claim(key, { body: signature, evaluation: ports.id('eval'), settleBy: ports.now() + toleranceSeconds * 2000 })).claimed
  }

  /** What to say to whoever pressed. Someone whom the policy does not vouch for, for the very approvers of this request, decides nothing here. */
  async function judge(id: Id<'arq'> | null, user: string, person: ChatPerson | null): Promise<string> {
    const request = id === null ? null : await ports.approvals?.requests.get(id) ?? null
    if (id === null || request === null) return 'There is no such request any more.'
    if (person === null || !vouched(request, person)) return 'From here this gate does not know you as one who may decide this. Open the page and sign in.'
    const { result } = await reject(id, { subject: person.subject, groups: person.groups, via: 'slack', reason: `rejected in Slack by ${user}` })
    return result.ok ? 'Rejected. Nothing will run.' : said[result.refusal.slug] ?? 'This did not work, and nothing was decided. Open the page.'
  }

  /** Best effort: what was decided stands, and the message itself is updated as well. */
  async function answer(to: string | null, id: Id<'arq'> | null, text: string): Promise<void> {
    const say = ports.approvals?.post.answer
    if (to === null || say === undefined) return
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<void>((done) => { timer = setTimeout(done, answerMs) })
    const said = say(to, id === null ? text : `${text} ${ports.self.console}/requests/${id}`).catch((error: unknown) => ports.alarm('whoever pressed a Slack button got no answer', { error: error instanceof Error ? error.message : 'unknown' }))
    await Promise.race([said, late])
    clearTimeout(timer)
  }
}

const over = 'This was decided before, or is over. Open the page to see how.'
const said: Readonly<Partial<Record<Slug, string>>> = { 'request-settled': over, 'approval-expired': over, 'approval-rejected': over, denied: 'You may not decide this one. The page says why.' }

function vouched({ bound }: AccessRequest, { subject, groups }: ChatPerson): boolean {
  return bound.demands.some(({ by }) => by.some((approver) => (approver.startsWith('user:') ? approver === subject : groups.includes(approver))))
}

/** Exactly one field, named `payload`, of one reading. */
function readPress(text: string): Result<{ readonly user: string; readonly action: string; readonly id: Id<'arq'> | null; readonly answerTo: string | null }> {
  const field = /^payload=([\x21-\x7e]*)$/.exec(text)?.[1]
  if (field === undefined || /[&=;#]/.test(field)) return invalid('form', 'the body is one `payload`')
  let json: string
  try {
    json = decodeURIComponent(field.replaceAll('+', ' '))
  } catch {
    return invalid('form', 'the payload is not valid utf-8')
  }
  const value = parseJson(json)
  if (!value.ok) return value
  const parsed = press.safeParse(value.value)
  const [action] = parsed.data?.actions ?? []
  if (!parsed.success || action === undefined) return invalid('payload', 'not the press of one button')
  const id = /^arq_[0-9A-Z]{26}$/.test(action.value ?? '') ? action.value as Id<'arq'> : null
  return ok({ user: parsed.data.user.id, action: action.action_id, id, answerTo: parsed.data.response_url ?? null })
}

const invalid = (reason: string, detail: string) => refuse({ slug: 'invalid-request', reason, detail, next: 'fix' })
const unsigned = (reason: string, detail: string) => refuse({ slug: 'unauthenticated', reason, detail, next: 'none' })
