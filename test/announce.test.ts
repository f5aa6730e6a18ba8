import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { createAnnouncer, untold } from '../functions/announce.ts'
import { digestOf } from '../functions/approve/digest.ts'
import { Fault, type Ledger, type Post, type Requests } from '../functions/ports.ts'
import type { AccessRequest, Status } from '../schema/approval.ts'
import type { Place } from '../functions/decide/places.ts'
import { asked } from './approve/asked.ts'

const slack: Place = { key: 'slack C0000001', kind: 'slack', channel: 'C0000001' }
const mail = (to: string): Place => ({ key: `mail ${to}`, kind: 'mail', to })
type SlackMessage = Parameters<NonNullable<Post['slack']>>[0]
type Mail = Parameters<NonNullable<Post['mail']>>[0]

/** As it is stored together with the event by which it was asked. */
const onRecord = (request: AccessRequest): AccessRequest => ({ ...request, told: ['evt_01KAQZ0000AAAAAAAAAAAAAAA0'], digest: digestOf(request.bound) })
const ledgerOf = (stored: () => AccessRequest | null) => ({
  get: async () => {
    const request = stored()
    return request && { kind: 'request', request: request.id, session: request.session, change: { digest: digestOf(request.bound) }, who: { issuer: request.bound.issuer, subject: request.bound.subject.id, actors: request.bound.actors.map(({ id }) => id) } }
  },
}) as unknown as Ledger

function rig({ places = [slack, mail('a@acme.dev')], full = false }: { places?: readonly Place[]; full?: boolean } = {}) {
  const world = {
    stored: asked() as AccessRequest | null, at: Date.parse('2026-11-22T09:00:00.000Z'), slacks: [] as SlackMessage[], mails: [] as Mail[], alarms: [] as string[], swaps: 0,
    policy: true, forged: false, slackFails: null as (() => Promise<never>) | null, mailFails: new Map<string, () => Promise<never>>(), beforeSwap: null as (() => void) | null, lost: false,
  }
  const requests = {
    get: async () => world.stored && onRecord(world.stored),
    swap: async (next: AccessRequest) => {
      world.swaps++
      world.beforeSwap?.()
      world.beforeSwap = null
      if (world.stored?.revision !== next.revision - 1) return false
      if (world.lost) throw new Fault('store-unavailable', 'lost')
      world.stored = next
      return true
    },
  } as Pick<Requests, 'get' | 'swap'> as Requests
  const post: Post = {
    slack: async (message) => { if (world.slackFails) await world.slackFails(); world.slacks.push(message); return message.place ?? { channel: message.channel, message: `${world.slacks.length}.0` } },
    mail: async (letter) => { await world.mailFails.get(letter.to)?.(); world.mails.push(letter) },
  }
  const announcer = createAnnouncer({
    now: () => world.at, alarm: (what) => { world.alarms.push(what) }, self: { url: 'https://gate', console: 'https://pages.acme.dev', localIssuer: null },
    ledger: ledgerOf(() => world.forged ? null : world.stored), approvals: { requests, post, workflow: { start: async () => {}, wake: async () => {} } },
  }, async () => world.policy ? { ok: true, value: { policy: { places: () => places, notifies: (rule) => (full && rule !== 'quiet.rules[0]' ? 'full' : 'summary') } } } : { ok: false, refusal: { slug: 'policy-unavailable', reason: 'unreadable', detail: '', next: 'retry' } })
  const notices = () => Object.fromEntries((world.stored?.notices ?? []).map(({ to, sent, attempts }) => [to, [sent, attempts]]))
  const settle = (status: Status) => { if (world.stored) world.stored = { ...world.stored, status, revision: world.stored.revision + 1 } }
  return { world, announcer, notices, settle, id: asked().id, post }
}
const broken = async (): Promise<never> => { throw new Error('channel_not_found') }
const never = () => new Promise<never>(() => {})

describe('announcing', () => {
  test('tells every place once, and keeps where', async () => {
    const { world, announcer, notices, id } = rig()
    await announcer.announce(id)
    await announcer.announce(id)
    expect([world.slacks.length, world.mails.length]).toEqual([1, 1])
    expect(notices()).toEqual({ 'slack C0000001': [true, 1], 'mail a@acme.dev': [true, 1] })
    expect(world.stored?.notices[0]?.place).toEqual({ channel: 'C0000001', message: '1.0' })
    expect(world.stored).toMatchObject({ status: 'pending', revision: 2 })
    expect(world.alarms).toEqual([])
  })
  test('carries the statement only where the policy in force lets it', async () => {
    for (const full of [true, false]) {
      const { world, announcer, id } = rig({ full })
      await announcer.announce(id)
      expect(JSON.stringify([world.slacks, world.mails]).includes('insert into public.refunds')).toBe(full)
    }
  })
  test('carries no statement where one of two rules that ask does not let it', async () => {
    const { world, announcer, id } = rig({ full: true })
    const [demand] = asked().bound.demands
    world.stored = asked({ demands: [{ ...demand!, by: ['b'] }, { ...demand!, rule: 'quiet.rules[0]' }] })
    await announcer.announce(id)
    expect(world.slacks.length).toBe(1)
    expect(JSON.stringify([world.slacks, world.mails])).not.toContain('insert into public.refunds')
  })
  test.each(['approved', 'executing', 'rejected', 'expired', 'succeeded'] as const)('says nothing of one that is %s', async (status) => {
    const { world, announcer, settle, id } = rig()
    settle(status)
    await announcer.announce(id)
    expect([world.slacks.length, world.mails.length, world.swaps]).toEqual([0, 0, 0])
  })
  test('says nothing of one whose time is over', async () => {
    const { world, announcer, id } = rig()
    world.slackFails = broken
    await announcer.announce(id)
    world.at = Date.parse(asked().bound.expiresAt)
    expect([untold(world.stored!, world.at - 1), untold(world.stored!, world.at)]).toEqual([true, false])
    await announcer.announce(id)
    expect(world.swaps).toBe(1)
  })
  test('of a request that is gone is nothing', async () => {
    const { world, announcer, id } = rig()
    world.stored = null
    await announcer.announce(id)
    await announcer.tell(id)
    expect(world.mails).toEqual([])
  })
  test('without a policy to go by fails, so that it is called again', async () => {
    const { world, announcer, id } = rig()
    world.policy = false
    await expect(announcer.announce(id)).rejects.toThrow('no policy to tell people by')
    expect(world.mails).toEqual([])
  })
})

describe('a destination that fails', () => {
  test('is kept as not told, does not hold the others, and is the only one told next time', async () => {
    const { world, announcer, notices, id } = rig()
    world.slackFails = broken
    await announcer.announce(id)                                // somebody can decide: nothing is held up by the other
    expect(notices()).toEqual({ 'slack C0000001': [false, 1], 'mail a@acme.dev': [true, 1] })
    expect([untold(world.stored!, world.at), untold(world.stored!, world.at + 500)]).toEqual([false, true])
    expect(world.alarms).toEqual(['an approver was not told'])
    world.slackFails = null
    world.at += 500
    await announcer.announce(id)
    expect(notices()).toEqual({ 'slack C0000001': [true, 2], 'mail a@acme.dev': [true, 1] })
    expect(world.mails.length).toBe(1)
    expect(untold(world.stored!, world.at + 1e9)).toBe(false)
  })
  test('when it was the only one: fails, so that it is called again', async () => {
    const { world, announcer, id } = rig({ places: [slack] })
    world.slackFails = broken
    await expect(announcer.announce(id)).rejects.toThrow('1 of 1 not told yet')
    expect(world.stored?.status).toBe('pending')
  })
  test('is not tried again before its time, which grows', async () => {
    const { world, announcer, notices, id } = rig()
    world.slackFails = broken
    const tries: number[] = []
    for (let second = 0; second < 30; second++) {
      const before = notices()['slack C0000001']?.[1]
      await announcer.announce(id).catch(() => {})
      if (notices()['slack C0000001']?.[1] !== before) tries.push(second)
      world.at += 1000
    }
    expect(tries).toEqual([0, 1, 3, 11])
  })
  test('is given up after eight attempts, and nothing throws any more', async () => {
    const { world, announcer, notices, id } = rig({ places: [slack] })
    world.slackFails = broken
    world.stored = asked({ expiresAt: '2026-11-23T09:00:00.000Z' })
    for (let i = 0; i < 8; i++) {
      await announcer.announce(id).catch(() => {})
      world.at += 400_000
    }
    await announcer.announce(id)
    expect(notices()).toEqual({ 'slack C0000001': [false, 8] })
    expect(untold(world.stored!, world.at + 3_600_000)).toBe(false)
    expect(world.stored?.status).toBe('pending')
    expect(world.alarms).toContain('nobody was told of an access request')
  })
  test('does not say why to anybody but the alarm', async () => {
    const { world, announcer, id } = rig()
    world.slackFails = async () => { throw new Error('token xoxb-1 is bad') }
    await announcer.announce(id).catch(() => {})
    expect(JSON.stringify([world.stored, world.mails])).not.toContain('xoxb')
  })
})

describe('a destination that never answers', () => {
  beforeEach(() => { vi.useFakeTimers() })
  afterEach(() => { vi.useRealTimers() })
  test('is left after five seconds, the others told long before', async () => {
    const { world, announcer, notices, id } = rig({ places: [slack, mail('a@acme.dev'), mail('b@acme.dev')] })
    world.slackFails = never
    world.mailFails.set('a@acme.dev', never)
    const done = announcer.announce(id)
    await vi.advanceTimersByTimeAsync(10)
    expect(world.mails.map(({ to }) => to)).toEqual(['b@acme.dev'])
    await vi.advanceTimersByTimeAsync(5000)
    await done
    expect(notices()).toEqual({ 'slack C0000001': [false, 1], 'mail a@acme.dev': [false, 1], 'mail b@acme.dev': [true, 1] })
    expect(vi.getTimerCount()).toBe(0)
  })
})

describe('nobody to tell', () => {
  test('is alarmed, is kept for whoever looks, and leaves the request waiting', async () => {
    const { world, announcer, notices, id } = rig({ places: [] })
    await announcer.announce(id)
    expect(notices()).toEqual({ nobody: [false, 1] })
    expect(untold(world.stored!, world.at + 500)).toBe(true)
    expect(world.alarms).toEqual(['nobody was told of an access request'])
    expect(world.stored?.status).toBe('pending')
  })
  test('a gate without Slack and mail tells nobody, and says so', async () => {
    const { world, notices, id, post } = rig()
    const silent = createAnnouncer({ now: () => world.at, alarm: (what) => { world.alarms.push(what) }, self: { url: '', console: '', localIssuer: null }, ledger: ledgerOf(() => world.stored),
      approvals: { requests: { get: async () => world.stored && onRecord(world.stored), swap: async (next: AccessRequest) => { world.stored = next; return true } } as unknown as Requests, post: { ...post, slack: null, mail: null }, workflow: { start: async () => {}, wake: async () => {} } } },
    async () => ({ ok: true, value: { policy: { places: () => [slack], notifies: () => 'summary' } } }))
    await expect(silent.announce(id)).rejects.toThrow('not told yet')
    expect(notices()).toEqual({ 'slack C0000001': [false, 1] })
    expect(world.alarms).toContain('nobody was told of an access request')
  })
})

describe('what is not on record as asked', () => {
  test('is told to nobody, and alarmed', async () => {
    const { world, announcer, id } = rig({ full: true })
    world.forged = true
    await announcer.announce(id)
    expect([world.slacks, world.mails, world.stored?.notices, world.alarms]).toEqual([[], [], [], ['a request is not on record']])
  })
  test('has its end told to nobody, wherever its row says that people were told', async () => {
    const { world, announcer, id } = rig()
    world.forged = true
    world.stored = { ...world.stored!, status: 'rejected', notices: [{ to: 'mail victim@elsewhere.example', at: '2026-11-22T09:00:00.000Z', sent: true, attempts: 1 }, { to: 'slack C0000009', at: '2026-11-22T09:00:00.000Z', sent: true, attempts: 1, place: { channel: 'C0000009', message: '1.0' } }] }
    await announcer.tell(id)
    expect([world.slacks, world.mails, world.alarms]).toEqual([[], [], ['a request is not on record']])
  })
})

describe('meanwhile', () => {
  test('a decision stored while people are told stays', async () => {
    const { world, announcer, notices, settle, id } = rig()
    world.beforeSwap = () => settle('approved')
    await announcer.announce(id)
    expect(world.stored).toMatchObject({ status: 'approved', revision: 3 })
    expect(notices()).toEqual({ 'slack C0000001': [true, 1], 'mail a@acme.dev': [true, 1] })
  })
  test('another process told whom this one did not reach: told is told', async () => {
    const { world, announcer, notices, id } = rig({ places: [slack] })
    world.slackFails = broken
    world.beforeSwap = () => { world.stored = { ...asked(), revision: 2, notices: [{ to: slack.key, at: '2026-11-22T09:00:00.000Z', sent: true, attempts: 1, place: { channel: 'C0000001', message: '9.9' } }] } }
    await announcer.announce(id)
    expect(notices()).toEqual({ 'slack C0000001': [true, 2] })
    expect(world.stored?.notices[0]?.place?.message).toBe('9.9')
  })
  test('a request that ended while people were told is told as ended', async () => {
    const { world, announcer, settle, id } = rig()
    world.beforeSwap = () => settle('rejected')
    await announcer.announce(id)
    expect(world.slacks.map(({ text, place }) => [text.split(':')[0], place?.message])).toEqual([['Approval wanted', undefined], ['Rejected', '1.0']])
  })
  test('a store that fails after the sending: told again, request unharmed', async () => {
    const { world, announcer, notices, id } = rig()
    world.lost = true
    await expect(announcer.announce(id)).rejects.toThrow('lost')
    expect(world.stored).toEqual(asked())
    world.lost = false
    await announcer.announce(id)
    expect(world.slacks.length).toBe(2)
    expect(notices()).toEqual({ 'slack C0000001': [true, 1], 'mail a@acme.dev': [true, 1] })
  })
})

describe('telling what came of it', () => {
  test('replaces the message and sends one more mail, once', async () => {
    const { world, announcer, notices, settle, id } = rig()
    await announcer.announce(id)
    await announcer.tell(id)
    expect(world.mails.length).toBe(1)
    settle('rejected')
    await announcer.tell(id)
    await announcer.tell(id)
    expect(world.slacks.map(({ place }) => place)).toEqual([undefined, { channel: 'C0000001', message: '1.0' }])
    expect(JSON.stringify(world.slacks[1])).not.toContain('sluice_reject')
    expect(world.mails.map(({ subject }) => subject.split(':')[0])).toEqual(['Approval wanted', 'Rejected'])
    expect(notices()).toEqual({ 'slack C0000001': [true, 1], 'mail a@acme.dev': [true, 1], 'slack C0000001 outcome': [true, 1], 'mail a@acme.dev outcome': [true, 1] })
  })
  test('goes only where it was announced, whatever the policy says by now', async () => {
    const { world, announcer, settle, id } = rig()
    world.slackFails = broken
    await announcer.announce(id).catch(() => {})
    world.slackFails = null
    world.policy = false
    settle('expired')
    await announcer.tell(id)
    expect(world.slacks).toEqual([])
    expect(world.mails.length).toBe(2)
    expect(world.mails[1]?.text).not.toContain('insert into')
  })
  test('is tried again where it failed', async () => {
    const { world, announcer, settle, id } = rig()
    await announcer.announce(id)
    settle('succeeded')
    world.slackFails = broken
    await expect(announcer.tell(id)).rejects.toThrow('1 of 2 not told yet')
    world.slackFails = null
    world.at += 2000
    await announcer.tell(id)
    expect(world.slacks.length).toBe(2)
    expect(world.mails.length).toBe(2)
  })
  test('of a request nobody heard of is nothing', async () => {
    const { world, announcer, settle, id } = rig({ places: [] })
    await announcer.announce(id)
    settle('expired')
    await announcer.tell(id)
    expect(world.mails).toEqual([])
  })
})
