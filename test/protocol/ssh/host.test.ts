import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type KeyType, noSshd, somebody, sshd, startSshd, type Sshd } from '../../support/sshd.ts'
import { alarms, connection, engineOf, go, outcome } from './rig.ts'

/** Real servers of every kind that a gate may come to, and one that dies at every moment. */
let [server, other] = [null, null] as unknown as [Sshd, Sshd]
beforeAll(async () => { if (sshd !== null) [server, other] = [await startSshd(), await startSshd()] })
afterAll(async () => { await server?.stop(); await other?.stop() })
beforeEach(() => { alarms.length = 0 })
const changed = (secret: string, change: Readonly<Record<string, unknown>>): string => JSON.stringify({ ...JSON.parse(secret) as object, ...change })

describe.skipIf(sshd === null)(`a host${sshd === null ? ` (${noSshd})` : ''}`, () => {
  test('with another key than those that are known gets no login, and is an alarm', async () => {
    for (const secret of [server.certified, server.keyed]) expect(outcome(await go(engineOf(changed(secret, { hostKeys: other.hostKey })), ['true']))).toBe('failed target-unavailable target_untrusted')
    expect(alarms).toEqual(Array(2).fill('a host showed a key that is not known'))
    expect(server.log()).not.toMatch(/Accepted|Failed|userauth/)
  })
  test('that has only another kind of key than the known one is as suspect', async () => {
    const rsa = await startSshd([], { hosts: ['rsa'] })
    expect(outcome(await go(engineOf(changed(rsa.certified, { hostKeys: other.hostKey })), ['true']))).toBe('failed target-unavailable target_untrusted')
    expect(alarms).toEqual(['a host showed a key that is not known'])
    await rsa.stop()
  })
  test('that changes its key is known before and after, where the secret names both', async () => {
    for (const one of [server, other]) expect((await go(engineOf(changed(one.certified, { hostKeys: [server.hostKey, other.hostKey], authority: readFileSync(`${one.directory}/authority`, 'utf8') })), ['echo', 'here'])).said).toMatchObject({ stdout: 'here\n' })
  })
  test.each<readonly [KeyType, KeyType]>([['rsa', 'rsa'], ['ecdsa', 'ecdsa'], ['rsa', 'ed25519'], ['ed25519', 'rsa']])('may have a key of %s, and its login one of %s', async (host, own) => {
    const one = await startSshd([], { hosts: [host], own })
    for (const secret of [one.certified, one.keyed]) expect((await go(engineOf(secret), ['echo', 'in'])).said).toMatchObject({ stdout: 'in\n', exitCode: 0 })
    expect(one.log()).not.toMatch(/ssh-rsa |sha1/i)
    await one.stop()
  }, 120_000)
  test('that takes signatures of SHA-1 alone gets none of a login with a key of RSA', async () => {
    const old = await startSshd(['PubkeyAcceptedAlgorithms ssh-rsa', 'LogLevel DEBUG1'], { own: 'rsa' })
    expect(outcome(await go(engineOf(old.keyed), ['true']))).toBe('failed target-unavailable target_refused_login')
    expect(old.log()).toMatch(/rsa-sha2-256 not in PubkeyAcceptedAlgorithms/)
    expect(old.log()).not.toContain('Accepted publickey')
    await old.stop()
  })
  test('that has several keys is known by any one of them', async () => {
    const one = await startSshd([], { hosts: ['rsa', 'ecdsa', 'ed25519'] })
    for (const hostKeys of one.hostKey.trim().split('\n')) expect(outcome(await go(engineOf(changed(one.certified, { hostKeys })), ['true']))).toBe('succeeded')
    await one.stop()
  })
  test.each([
    ['ciphers without authentication', 'Ciphers aes128-ctr,aes256-cbc'], ['exchanges over small groups or SHA-1', 'KexAlgorithms diffie-hellman-group14-sha1,diffie-hellman-group1-sha1'], ['signatures of SHA-1', 'HostKeyAlgorithms ssh-rsa'],
  ])('that offers only %s gets no login', async (_, line) => {
    const weak = await startSshd([line], { hosts: ['rsa'] })
    expect(outcome(await go(engineOf(weak.certified), ['true']))).toMatch(/^failed target-unavailable target_(weak|untrusted)$/)
    expect(weak.log()).not.toContain('Accepted')
    await weak.stop()
  })
  test('keeps strictly to the order of the exchange (CVE-2023-48795)', async () => {
    const strict = await startSshd(['LogLevel DEBUG3'])
    await go(engineOf(strict.certified), ['true'])
    expect(strict.log()).toContain('will use strict KEX ordering')
    await strict.stop()
  })
  test('that does not let the login in says nothing of why, and the operator can see it', async () => {
    expect(outcome(await go(engineOf(changed(server.certified, { authority: readFileSync(`${other.directory}/authority`, 'utf8') })), ['true']))).toBe('failed target-unavailable target_refused_login')
    expect(outcome(await go(engineOf(server.certified), ['true'], { on: { ...connection, logins: { '*': 'no-such-user' } } }))).toBe('failed target-unavailable target_refused_login')
    expect(alarms).toEqual([])
  })
  test('that lets no more than one try or asks for a second factor lets nobody in', async () => {
    for (const line of ['MaxAuthTries 1', 'AuthenticationMethods publickey,publickey', 'DenyUsers *']) {
      const one = await startSshd([line])
      expect(outcome(await go(engineOf(line.startsWith('Max') ? changed(one.certified, { authority: readFileSync(`${other.directory}/authority`, 'utf8') }) : one.certified), ['true'])), line).toBe('failed target-unavailable target_refused_login')
      await one.stop()
    }
  })
  test.skipIf(process.platform !== 'linux')('is looked at once in half a minute, however often it is asked for, and anew where it was not there', async () => {
    let at = Date.now()
    const one = await startSshd()
    const engine = engineOf(one.certified, () => at)
    const logins = () => one.log().split('Accepted publickey').length - 1
    await Promise.all([engine.ping?.(connection), engine.ping?.(connection)])
    await engine.ping?.(connection)
    expect(logins()).toBe(1)
    at += 30_000
    await engine.ping?.(connection)
    expect(logins()).toBe(2)
    at += 30_000
    await one.kill()
    await expect(engine.ping?.(connection)).rejects.toMatchObject({ code: 'target-unavailable' })
    await one.start()
    await expect(engine.ping?.(connection)).resolves.toBeUndefined()
    await one.stop()
  })
  test('that takes no sessions did not run it', async () => {
    const none = await startSshd(['MaxSessions 0'])
    expect(outcome(await go(engineOf(none.certified), ['true']))).toMatch(/^failed target-error not_run$/)
    await none.stop()
  })
  test.skipIf(process.platform !== 'linux')('that is not there, and one that dies while a command runs: the first is failed, the second unknown; back again it serves', async () => {
    const mortal = await startSshd()
    const engine = engineOf(mortal.certified)
    const running = go(engine, ['sh', '-c', 'echo begun; sleep 30'])
    await expect.poll(() => mortal.log()).toContain('Starting session')
    const begun = mortal.log()
    await mortal.kill()
    const lost = await running
    expect(outcome(lost)).toBe('unknown outcome-unknown answer_lost')
    const [id] = /sluice-[0-9a-f-]{36}/.exec(begun) ?? []              // by which the record and the host's log are held against each other
    expect(lost.executed).toMatchObject({ refusal: { inner: expect.stringContaining(id ?? 'no id') as unknown } })
    expect(outcome(await go(engine, ['true']))).toBe('failed target-unavailable target_unreachable')
    await mortal.start()
    expect(outcome(await go(engine, ['true']))).toBe('succeeded')
    await mortal.stop()
  })
})

describe.skipIf(sshd === null)(`what a command does${sshd === null ? ` (${noSshd})` : ''}`, () => {
  test.each([[['sh', '-c', 'exit 255'], { exitCode: 255 }], [['sh', '-c', 'kill -TERM $$'], { exitCode: null, ended: 'it was ended by the signal SIGTERM' }], [['no-such-program'], { exitCode: 127 }], [['cat'], { exitCode: 0, stdout: '' }]] as const)('%j ends as it ends', async (words, end) => {
    const { said } = await go(engineOf(server.certified), words)
    expect(said).toMatchObject(end)
  })
  test('both outputs come whole and apart, without a line end too, and are masked over the pieces they come in', async () => {
    const { said } = await go(engineOf(server.certified), ['sh', '-c', 'printf "to joe@ac"; printf "err: joe@" >&2; sleep 0.3; printf "me.dev end"; printf "acme.dev" >&2'])
    expect(said).toMatchObject({ stdout: 'to [redacted: email] end', stderr: 'err: [redacted: email]' })
  })
  test('bytes that are no text are on record as they are', async () => {
    const heard: Buffer[] = []
    const { said } = await go(engineOf(server.certified), ['printf', '%b', 'a'], {})
    expect(said).toMatchObject({ stdout: 'a' })
    await go(engineOf(server.certified), ['head', '-c', '100000', '/dev/urandom'], { detect: [], run: { heard: async (_, bytes) => { heard.push(Buffer.from(bytes)) } } })
    expect(Buffer.concat(heard)).toHaveLength(100_000)
  })
  test('a hundred megabytes on each output, heard by a slow record, are let go of at sixteen and fill no memory', async () => {
    let [heard, most] = [0, 0]
    const before = process.memoryUsage().rss
    const { executed, said } = await go(engineOf(server.certified), ['sh', '-c', 'yes out | head -c 100000000 & yes err | head -c 100000000 >&2; wait'], {
      timeoutMs: 120_000, detect: [], run: { heard: async (_, bytes) => { heard += bytes.byteLength; most = Math.max(most, process.memoryUsage().rss - before); await pause(1) } },
    })
    expect([executed.status, said?.truncated, said?.exitCode, said?.ended]).toEqual(['succeeded', true, null, expect.stringContaining('more than 16 MB')])
    expect(heard).toBe(16 * 1024 * 1024)
    expect(most).toBeLessThan(150 * 1024 * 1024)
  }, 60_000)
  test('all that was written on both is heard before the end is told, however slow the record is', async () => {
    const heard = { stdout: 0, stderr: 0 }
    const { said } = await go(engineOf(server.certified), ['sh', '-c', 'head -c 1000000 /dev/zero; head -c 1500000 /dev/zero >&2'], { detect: [], run: { heard: async (stream, bytes) => { await pause(1); heard[stream] += bytes.byteLength } } })
    expect([said?.exitCode, said?.ended, heard]).toEqual([0, undefined, { stdout: 1_000_000, stderr: 1_500_000 }])
  }, 120_000)
  test('that writes without an end is unknown when its time is over', async () => {
    expect(outcome(await go(engineOf(server.certified), ['sleep', '30'], { timeoutMs: 1000 }))).toBe('unknown outcome-unknown answer_lost')
  })
  test.skipIf(process.platform !== 'linux').each([['keyed', 'sleep 50; true'], ['certified', 'while sleep 0.2; do echo x; done']] as const)('%s: cut in its midst it is unknown, with the reason, and its process is gone from the host', async (how, script) => {
    const mark = `${how}-${process.pid}`
    const cut = new AbortController()
    // A signal is passed on to commands of users other than root, and to none of a certificate: that one is gone when it next writes.
    const on = how === 'keyed' && somebody !== null ? { ...connection, logins: { '*': somebody } } : connection
    const one = await startSshd(somebody === null ? [] : ['UsePAM yes'])                          // without it nobody gets in who has no password
    const running = go(engineOf(one[how]), ['sh', '-c', script, mark], { on, timeoutMs: 60_000, run: { cut: cut.signal, heard: async () => {} } })
    await expect.poll(() => alive(mark)).toBe(true)
    await expect.poll(() => one.log()).toContain('Starting session')
    await pause(500)
    cut.abort(new Error('locked'))
    const done = await running
    expect(outcome(done)).toBe('unknown outcome-unknown cut')
    expect(done.executed).toMatchObject({ refusal: { detail: expect.stringContaining('(locked)') as unknown } })
    if (how === 'certified' || somebody !== null || process.getuid?.() !== 0) await expect.poll(() => alive(mark)).toBe(false)
    await one.stop()
  }, 120_000)
  test('cut before it begins it is failed', async () => {
    expect(outcome(await go(engineOf(server.certified), ['true'], { run: { cut: AbortSignal.abort(new Error('locked')) } }))).toBe('failed timeout cut')
  })
  test('whose time to begin passes while the gate logs in does not begin', async () => {
    let at = Date.now()
    const deadline = at + 5000
    // The host's log says that somebody is in; then the clock goes on.
    const engine = engineOf(server.certified, () => { if (at < deadline && server.log().split('Accepted publickey').length > logins) at = deadline; return at })
    const logins = server.log().split('Accepted publickey').length
    expect(outcome(await go(engine, ['touch', `${server.directory}/late`], { run: { deadline } }))).toBe('failed timeout deadline_passed')
    expect(server.log().split('Accepted publickey').length).toBe(logins + 1)
    expect(() => readFileSync(`${server.directory}/late`)).toThrow()
  })
  test('sixty of them leave no socket and no timer', async () => {
    const engine = engineOf(server.certified)
    await go(engine, ['true'])
    const held = () => process.getActiveResourcesInfo().filter((one) => one === 'TCPSocketWrap' || one === 'Timeout').length
    const before = held()
    for (let i = 0; i < 60; i++) if ((await go(engine, ['true'])).executed.status !== 'succeeded') throw new Error(String(i))
    for (const last = Date.now() + 30_000; held() > before && Date.now() < last;) await pause(50)           // not by a poll, whose own timer would count
    expect(held()).toBeLessThanOrEqual(before)
  }, 120_000)
  test('fifty at once all run, on a host that is as it was installed', async () => {
    const plain = await startSshd(['MaxStartups 10:30:100'])
    const engine = engineOf(plain.certified)
    const all = await Promise.all(Array.from({ length: 50 }, (_, i) => go(engine, ['echo', String(i)], { run: { deadline: Date.now() + 30_000 } })))
    expect(all.map(({ said }) => said?.stdout)).toEqual(Array.from({ length: 50 }, (_, i) => `${i}\n`))
    await plain.stop()
  }, 60_000)
})

/** Whether a process of this machine has these words in its command line, itself and this one's aside. */
function alive(words: string): boolean {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).some((pid) => {
    try { return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes(words) } catch { return false }
  })
}
