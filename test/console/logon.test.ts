import { describe, expect, test } from 'vitest'
import { createGate } from '../../functions/gate.ts'
import { createLogon } from '../../functions/logon.ts'
import { createWorld as createGateWorld } from '../support/ports.ts'
import { createWorld, home, id, signIn, signedIn } from './world.ts'

describe('at the console', () => {
  test('who signs in is on record before the browser has anything of it, and where that cannot be there is no session', async () => {
    const world = await createWorld()
    const browser = world.browser()
    await signIn(world, browser)
    expect(world.logons).toEqual([{ result: 'signed-in', token: 'the-access-token', issuer: 'okta', signedInAt: '2026-11-22T10:00:00.000Z' }])
    world.state.recorded = false
    const other = world.browser()
    expect((await signIn(world, other)).status).toBe(503)
    expect((await other.get(`/requests/${id}`)).status).toBe(401)
  })
  test('a sign-in that is refused is on record by its reason; an answer that is nobody\'s is not', async () => {
    const world = await createWorld()
    const browser = world.browser()
    const begun = await browser.get(`/signin?to=/requests/${id}`)
    const state = new URL(begun.headers.get('location') ?? '').searchParams.get('state')
    await browser.get(`/signin/callback/okta?error=access_denied&state=${state}&iss=https://okta.test`)
    await browser.get('/signin/callback/okta?error=access_denied&state=x&iss=https://okta.test')
    expect(world.logons).toEqual([{ result: 'refused', token: null, issuer: 'okta', reason: 'refused' }])
  })
  test('who signs out is on record, and is out also where it cannot be; nobody signs out another', async () => {
    const world = await createWorld()
    const browser = await signedIn(world)
    await world.browser().post('/signout', {})
    world.state.recorded = false
    await browser.send('/signout', { method: 'POST', headers: { origin: 'https://evil.test' } })
    expect(world.logons.filter(({ result }) => result === 'signed-out')).toEqual([])
    expect((await browser.send('/signout', { method: 'POST', headers: { origin: home } })).status).toBe(200)
    expect(world.logons.at(-1)).toEqual({ result: 'signed-out', token: 'the-access-token' })
    expect((await browser.get(`/requests/${id}`)).status).toBe(401)
  })
})

describe('on record', () => {
  async function recording() {
    const world = createGateWorld()
    const gate = createGate(world.ports)
    return { world, logon: createLogon(world.ports, gate), token: await world.token({ subject: 'user:lea@acme.dev', groups: ['support-leads'] }) }
  }
  test('with who it is to the gate, and never with the token', async () => {
    const { world, logon, token } = await recording()
    expect(await logon({ result: 'signed-in', token, issuer: 'local', signedInAt: '2026-11-22T09:00:00.000Z' })).toBe(true)
    expect(world.events).toMatchObject([{ kind: 'sign-in', who: { subject: 'user:lea@acme.dev', groups: ['support-leads'] }, change: { result: 'signed-in', issuer: 'local' } }])
    expect(JSON.stringify(world.events)).not.toContain(token)
    expect(await logon({ result: 'signed-out', token: 'not one of ours' })).toBe(true)
    expect(world.events.at(-1)).toMatchObject({ kind: 'sign-in', who: null, change: { result: 'signed-out' } })
  })
  test('not where the record does not answer', async () => {
    const { world, logon, token } = await recording()
    world.broken.add('ledger')
    expect(await logon({ result: 'signed-in', token, issuer: 'local', signedInAt: '' })).toBe(false)
  })
  test('refusals one by one up to thirty a minute, and those beyond in the next as a number', async () => {
    const { world, logon } = await recording()
    for (let i = 0; i < 40; i++) await logon({ result: 'refused', token: null, issuer: 'okta', reason: 'unproven' })
    expect(world.events.length).toBe(30)
    world.clock.ms += 60_000
    await logon({ result: 'refused', token: null, issuer: 'okta', reason: 'unproven' })
    expect(world.events.at(-1)).toMatchObject({ change: { result: 'refused', unrecorded: 10 } })
  })
})
