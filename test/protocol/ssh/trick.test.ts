import { type AddressInfo, createServer, type Server as Plain, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import ssh2, { type AuthContext, type Connection, type ServerChannel, type Session } from 'ssh2'
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createTurns } from '../../../functions/protocol/ssh/turns.ts'
import { alarms, connection, engineOf, go, outcome } from './rig.ts'

/** Hosts that are broken, or mean ill: what is said of a command is right whatever they do, and nothing of theirs fills the gate or holds it for longer than its time. */
const open: { readonly server: Plain | InstanceType<typeof ssh2.Server>; readonly sockets: Set<Socket> }[] = []
const made = { host: '', login: '' }
beforeAll(() => {
  for (const name of ['host', 'login'] as const) do made[name] = ssh2.utils.generateKeyPairSync('ed25519').private
  while (ssh2.utils.parseKey(made[name]) instanceof Error)
})
beforeEach(() => { alarms.length = 0 })
afterEach(async () => {
  for (const { server, sockets } of open.splice(0)) {
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => { server.close(resolve) })
  }
})
const publicOf = (key: string): string => { const parsed = ssh2.utils.parseKey(key); if (parsed instanceof Error) throw parsed; return `${parsed.type} ${parsed.getPublicSSH().toString('base64')}` }
const secretOf = (port: number): string => JSON.stringify({ url: `ssh://joe@127.0.0.1:${port}`, hostKeys: publicOf(made.host), privateKey: made.login })

/** A while, and then until all that has come is read: both ends are in this process, and after a long stop its timers come first. */
const read = async () => { await pause(200); for (let i = 0; i < 20; i++) await new Promise((resolve) => { setImmediate(resolve) }) }

/** A server that says these bytes, or does this. */
async function saying(talk: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => { sockets.add(socket); socket.on('error', () => undefined).resume(); talk(socket) })
  open.push({ server, sockets })
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  return secretOf((server.address() as AddressInfo).port)
}
type Play = Partial<{ hostKey: string; admits: (context: AuthContext) => boolean; client: (client: Connection) => void; session: (accept: () => Session, reject: () => void, client: Connection) => void; exec: (accept: () => ServerChannel, reject: () => void, client: Connection, session: Session) => void }>
interface Host { readonly secret: string; readonly asked: string[]; readonly sockets: Set<Socket> }
/** A server that speaks the protocol and lets everybody in. `asked`: the commands that came. */
async function playing({ hostKey = made.host, admits = () => true, client: met, session, exec }: Play): Promise<Host> {
  const asked: string[] = []
  const sockets = new Set<Socket>()
  const server = new ssh2.Server({ hostKeys: [hostKey] }, (client) => {
    met?.(client)
    client.on('error', () => undefined).on('authentication', (context) => { if (admits(context)) context.accept() }).on('session', (accept, reject) => {
      if (session) return session(accept, () => { reject() }, client)
      const one = accept()
      one.on('exec', (take, refuse, { command }) => { asked.push(command); exec?.(take, () => { refuse() }, client, one) })
    })
  })
  const inner = (server as unknown as { readonly _srv: Plain })._srv
  inner.on('connection', (socket: Socket) => { sockets.add(socket) })
  open.push({ server, sockets })
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  return { secret: secretOf((inner.address() as AddressInfo).port), asked, sockets }
}
const soon = { run: { get deadline() { return Date.now() + 1500 } } }
const torn = ({ sockets }: Host) => { for (const socket of sockets) socket.destroy() }

describe('before anybody is in, nothing ran', () => {
  test.each<readonly [string, string, (socket: Socket) => void]>([
    ['accepts and says nothing', 'failed timeout target_timeout', () => undefined],
    ['hangs up at once, each time', 'failed rate-limited target_busy', (socket) => socket.end()],
    ['resets the connection', 'failed rate-limited target_busy', (socket) => socket.resetAndDestroy()],
    ['says that too many are there', 'failed rate-limited target_busy', (socket) => socket.end('Exceeded MaxStartups\r\n')],
    ['speaks HTTP', 'failed (rate-limited target_busy|target-unavailable target_unreachable)', (socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')],
    ['speaks an old version', 'failed target-unavailable target_unreachable', (socket) => socket.write('SSH-1.5-old\r\n')],
    ['gives its name and then noise', 'failed target-unavailable target_unreachable', (socket) => socket.write(Buffer.concat([Buffer.from('SSH-2.0-x\r\n'), Buffer.alloc(70_000, 0x5a)]))],
    ['gives its name and nothing else', 'failed timeout target_timeout', (socket) => socket.write('SSH-2.0-x\r\n')],
    ['says a hundred megabytes first', 'failed target-unavailable target_unreachable', (socket) => { const line = Buffer.alloc(65_536, 'hello there\r\n'); const more = () => { while (!socket.destroyed && socket.write(line)); }; socket.on('drain', more); more() }],
    ['says it a byte at a time', 'failed (timeout target_timeout|target-unavailable target_unreachable)', (socket) => { const timer = setInterval(() => { if (socket.destroyed) clearInterval(timer); else socket.write('x\n') }, 1) }],
  ])('that %s', async (_, wanted, talk) => {
    const secret = await saying(talk)
    expect(outcome(await go(engineOf(secret), ['true'], soon))).toMatch(new RegExp(`^${wanted}$`))
    expect(alarms).toEqual([])
  }, 120_000)
  test('no more is read of what comes before a host\'s name than a name is worth', async () => {
    let said = 0
    const line = Buffer.alloc(8000, 'x')
    line[7999] = 0x0a
    const secret = await saying((socket) => { const timer = setInterval(() => { if (socket.destroyed || socket.readableEnded) clearInterval(timer); else { said += line.length * 4; socket.write(Buffer.concat([line, line, line, line])) } }, 5) })
    expect(outcome(await go(engineOf(secret), ['true'], { run: { deadline: Date.now() + 9000 } }))).toBe('failed target-unavailable target_unreachable')
    expect(said).toBeLessThan(2 * 1024 * 1024)
  }, 120_000)
  test('it is tried again where it hung up before it gave its name, and never after', async () => {
    let [calls, named] = [0, 0]
    await go(engineOf(await saying((socket) => { calls++; socket.end() })), ['true'], { run: { deadline: Date.now() + 8000 } })
    await go(engineOf(await saying((socket) => { named++; socket.end('SSH-2.0-x\r\n') })), ['true'], { run: { deadline: Date.now() + 8000 } })
    expect([calls, named]).toEqual([4, 1])
  }, 120_000)
  test('whoever is in the middle and has another key gets no login of ours, and is an alarm', async () => {
    const other = await playing({ hostKey: made.login })
    expect(outcome(await go(engineOf(other.secret), ['true']))).toBe('failed target-unavailable target_untrusted')
    expect([other.asked, alarms]).toEqual([[], ['a host showed a key that is not known']])
  })
  test('whoever says that we are in, before there is a key at all, is sent no command', async () => {
    // USERAUTH_SUCCESS (52) in clear, behind a name: length 12, padding 10.
    const secret = await saying((socket) => { socket.write(Buffer.concat([Buffer.from('SSH-2.0-x\r\n'), Buffer.from([0, 0, 0, 12, 10, 52]), Buffer.alloc(10)])) })
    expect(outcome(await go(engineOf(secret), ['true'], soon))).toMatch(/^failed /)
  })
  test('a host that does not say which signatures it takes gets none of SHA-1', async () => {
    let rsa = ''
    do rsa = ssh2.utils.generateKeyPairSync('rsa', { bits: 2048 }).private
    while (ssh2.utils.parseKey(rsa) instanceof Error)
    const by: (string | undefined)[] = []
    const terse = await playing({ admits: (context) => { if (context.method === 'publickey') by.push(context.hashAlgo); return true }, client: (client) => {
      const { _protocol: protocol } = client as unknown as { readonly _protocol: { readonly _kex: { remoteExtInfoEnabled: boolean }; _onHandshakeComplete: (...said: unknown[]) => void } }
      const plain = protocol._onHandshakeComplete
      protocol._onHandshakeComplete = (...said) => { protocol._kex.remoteExtInfoEnabled = false; plain(...said) }
    }, exec: (accept) => { const channel = accept(); channel.exit(0); channel.end() } })
    expect(outcome(await go(engineOf(JSON.stringify({ ...JSON.parse(terse.secret) as object, privateKey: rsa })), ['true']))).toBe('succeeded')
    expect(new Set(by)).toEqual(new Set(['sha256']))
  })
  test('cut while it waits for the host it ends at once', async () => {
    const cut = new AbortController()
    const running = go(engineOf(await saying(() => undefined)), ['true'], { run: { cut: cut.signal, deadline: Date.now() + 60_000 } })
    await pause(200)
    cut.abort(new Error('locked'))
    expect(outcome(await running)).toBe('failed timeout cut')
  })
})

describe('once the command may have left', () => {
  test('a host that answers nothing, or hangs up unanswered, is unknown', async () => {
    const hanging = await playing({ exec: (_accept, _reject, client) => client.end() })
    expect(outcome(await go(engineOf(hanging.secret), ['true']))).toBe('unknown outcome-unknown answer_lost')
    expect(hanging.asked).toEqual(['true'])
    const resetting: Host = await playing({ exec: () => { for (const socket of resetting.sockets) socket.resetAndDestroy() } })
    expect(outcome(await go(engineOf(resetting.secret), ['true']))).toBe('unknown outcome-unknown answer_lost')
    const cut = new AbortController()
    const silent = await playing({ exec: () => { cut.abort(new Error('locked')) } })
    expect(outcome(await go(engineOf(silent.secret), ['true'], { run: { cut: cut.signal } }))).toBe('unknown outcome-unknown answer_lost')
  })
  test('a channel that is closed without an answer is unknown: the library calls it refused', async () => {
    const closing = await playing({ exec: (_accept, _reject, client, session) => { (client as unknown as { readonly _protocol: { channelClose(id: number): void } })._protocol.channelClose((session as unknown as { readonly _channel?: never; readonly outgoing?: { id: number } }).outgoing?.id ?? 0) } })
    expect(outcome(await go(engineOf(closing.secret), ['true']))).toBe('unknown outcome-unknown answer_lost')
    expect(closing.asked).toEqual(['true'])
  })
  test('one that says no did not run it, and neither did one that opens no session', async () => {
    expect(outcome(await go(engineOf((await playing({ exec: (_, reject) => { reject() } })).secret), ['true']))).toBe('failed target-error not_run')
    const none = await playing({ session: (_, reject) => { reject() } })
    expect(outcome(await go(engineOf(none.secret), ['true']))).toBe('failed target-error not_run')
    const broken = await playing({ session: (_accept, _reject, client) => client.end() })
    expect(outcome(await go(engineOf(broken.secret), ['true']))).toBe('failed target-unavailable connection_lost')
  })
  test('a host that takes its time over the session gets no command after the time to begin', async () => {
    let at = Date.now()
    const slow = await playing({ session: (accept) => { at += 6000; accept().on('exec', () => { slow.asked.push('late') }) } })
    expect(outcome(await go(engineOf(slow.secret, () => at), ['true'], { run: { deadline: at + 5000 } }))).toBe('failed timeout deadline_passed')
    await pause(100)
    expect(slow.asked).toEqual([])
  })
  test('an end is told as it was: signals, codes past 255, and one that is not told is unknown', async () => {
    const ends = async (end: (channel: ServerChannel) => void) => go(engineOf((await playing({ exec: (accept) => { const channel = accept(); channel.write('x'); end(channel) } })).secret), ['true'])
    expect((await ends((channel) => { channel.exit('KILL'); channel.end() })).said).toMatchObject({ exitCode: null, ended: 'it was ended by the signal SIGKILL', stdout: 'x' })
    expect((await ends((channel) => { channel.exit(256); channel.end() })).said).toMatchObject({ exitCode: 256 })
    expect(outcome(await ends((channel) => { channel.end() }))).toBe('unknown outcome-unknown answer_lost')
  })
  test('where the connection breaks behind the end, the end is known and what it wrote is not said to be whole', async () => {
    const host: Host = await playing({ exec: (accept) => { const channel = accept(); channel.write('half of i'); channel.exit(0); void read().then(() => { torn(host) }) } })
    expect((await go(engineOf(host.secret), ['true'])).said).toMatchObject({ exitCode: 0, truncated: true, ended: expect.stringContaining('may not be whole') as unknown })
  })
  test('a host that never ends it is left when its time is over, and sees that', async () => {
    let gone = false
    const endless = await playing({ exec: (accept, _reject, client) => { accept(); client.on('close', () => { gone = true }) } })
    expect(outcome(await go(engineOf(endless.secret), ['true'], { timeoutMs: 500 }))).toBe('unknown outcome-unknown answer_lost')
    await expect.poll(() => gone).toBe(true)
  })
  test('a host that does not hang up is hung up on: not a socket stays', async () => {
    const sockets = () => process.getActiveResourcesInfo().filter((one) => one === 'TCPSocketWrap').length
    const deaf = await playing({ exec: (accept, _reject, client) => { const channel = accept(); channel.exit(0); channel.end(); for (const socket of deaf.sockets) { (socket as Socket & { allowHalfOpen: boolean }).allowHalfOpen = true; socket.pause() } client.on('end', () => undefined) } })
    const [engine, before] = [engineOf(deaf.secret), sockets()]
    for (let i = 0; i < 3; i++) await go(engine, ['true'], { timeoutMs: 1000 })
    await expect.poll(sockets).toBeLessThanOrEqual(before + 3)      // the host's own ends, which it never closes
    torn(deaf)
    await expect.poll(sockets).toBeLessThanOrEqual(before + 1)
  }, 120_000)
  test('a host that writes past its window while the record is slow fills no memory', async () => {
    const flood = await playing({ exec: (accept) => {
      const channel = accept()
      const { outgoing } = channel as unknown as { readonly outgoing: { window: number } }
      Object.defineProperty(outgoing, 'window', { get: () => 1 << 30, set() { /* as wide as ever */ } })
      const block = Buffer.alloc(32_768, 'y')
      const more = () => { for (let i = 0; i < 200; i++) { if (channel.writableEnded) return; channel.write(block) } setTimeout(more, 5) }
      more()
    } })
    let [most, heard] = [0, 0]
    const { executed } = await go(engineOf(flood.secret), ['yes'], { timeoutMs: 3000, detect: [], run: { heard: async (_, bytes) => { heard += bytes.byteLength; most = Math.max(most, bytes.byteLength); await pause(100) } } })
    expect(executed.status).toBe('unknown')
    // What is heard after the end was in hand before it: no more than came in one piece from the socket.
    expect(heard).toBeLessThan(8 * 1024 * 1024)
  }, 120_000)
  interface Talk { readonly [name: string]: (...said: unknown[]) => void }
  test.each<readonly [string, (talk: Talk, channel: number) => void]>([
    ['asks and asks, and reads every answer', (talk) => { for (let i = 0; i < 500; i++) talk['ping']?.() }],
    ['sends data to nobody', (talk) => { talk['channelData']?.(99, Buffer.alloc(8000)) }],
    ['answers what nobody asked', (talk, channel) => { for (let i = 0; i < 500; i++) talk['channelSuccess']?.(channel) }],
    ['wants new keys again and again', (talk) => { talk['rekey']?.() }],
  ])('a host that was let in and %s is hung up on, long before its time is over', async (_, say) => {
    const talking: Host = await playing({ exec: (accept, _reject, client) => {
      const channel = accept() as ServerChannel & { readonly outgoing: { readonly id: number } }
      const { _protocol: talk } = client as unknown as { readonly _protocol: Talk }
      const more = setInterval(() => { if ([...talking.sockets].every(({ destroyed }) => destroyed)) clearInterval(more); else try { say(talk, channel.outgoing.id) } catch { clearInterval(more) } }, 2)
    } })
    const { executed } = await go(engineOf(talking.secret), ['true'], { timeoutMs: 50_000 })
    expect(executed).toMatchObject({ status: 'unknown', refusal: { inner: expect.stringContaining('broke off') as unknown } })
    for (const { bytesWritten } of talking.sockets) expect(bytesWritten).toBeLessThan(8 * 1024 * 1024)
  }, 60_000)
  test('a host that says one byte at a time is heard to its time, and its bytes are told together', async () => {
    const tiny: Host = await playing({ exec: (accept, _reject, client) => {
      const channel = accept() as ServerChannel & { readonly outgoing: { readonly id: number } }
      const { _protocol: talk } = client as unknown as { readonly _protocol: Talk }
      for (let i = 0; i < 4000; i++) talk['channelData']?.(channel.outgoing.id, Buffer.from(i % 50 === 49 ? '\n' : '.'))
      channel.exit(0)
      channel.end()
    } })
    let [pieces, bytes] = [0, 0]
    const { said } = await go(engineOf(tiny.secret), ['true'], { timeoutMs: 30_000, run: { heard: async (_, piece) => { pieces++; bytes += piece.byteLength } } })
    expect([said?.exitCode, said?.stdout?.length, bytes]).toEqual([0, 4000, 4000])
    expect(pieces).toBeLessThan(80)
  }, 60_000)
  test('a host that asks and asks, and reads no answer, is hung up on', async () => {
    const asking: Host = await playing({ exec: (accept, _reject, client) => {
      accept()
      for (const socket of asking.sockets) socket.pause()
      const { _protocol: protocol } = client as unknown as { readonly _protocol: { ping(): void } }
      const more = setInterval(() => { if ([...asking.sockets].every(({ destroyed }) => destroyed)) clearInterval(more); else for (let i = 0; i < 4000; i++) protocol.ping() }, 5)
    } })
    const { executed } = await go(engineOf(asking.secret), ['true'], { timeoutMs: 50_000 })      // the kernel takes the first megabytes
    expect(executed).toMatchObject({ status: 'unknown', refusal: { inner: expect.stringContaining('broke off') as unknown } })
  }, 60_000)
})

describe('turns', () => {
  test('so many at once, in order, for each host by itself', async () => {
    const turns = createTurns(2)
    const order: number[] = []
    const leaves = [await turns.take('a', 1000, 'ada'), await turns.take('a', 1000, 'ada')]
    const waiting = [3, 4, 5].map(async (n) => { const leave = await turns.take('a', 5000, 'ada'); order.push(n); return leave })
    ;(await turns.take('b', 1000, 'ada'))()
    expect(order).toEqual([])
    leaves[0]?.()
    leaves[0]?.()                                                     // given back once
    await expect.poll(() => order).toEqual([3])
    leaves[1]?.()
    ;(await waiting[0])?.()
    ;(await waiting[1])?.()
    ;(await waiting[2])?.()
    expect([order, turns.size()]).toEqual([[3, 4, 5], 0])
  })
  test('everybody who waits has one before anybody has a second', async () => {
    const turns = createTurns(1)
    const order: string[] = []
    const leave = await turns.take('a', 1000, 'ada')
    const waiting = ['ada', 'ada', 'ada', 'ben', 'ada', 'cy', 'ben'].map(async (whose) => { const done = await turns.take('a', 5000, whose); order.push(whose); setImmediate(done) })
    leave()
    await Promise.all(waiting)
    await expect.poll(() => turns.size()).toBe(0)                     // the last leaves a turn later
    expect(order.join(' ')).toBe('ada ben cy ada ben ada ada')
  })
  test('at a host, who sends one command does not wait for the fifty of another; nor does who asks whether the host is there', async () => {
    let [admitted, waiting] = [true, 0]
    const host = await playing({ admits: () => { if (!admitted) waiting++; return admitted }, exec: (accept) => { const channel = accept(); channel.exit(0); channel.end() } })
    const engine = engineOf(host.secret)
    const many = Array.from({ length: 50 }, () => go(engine, ['of-ada'], { run: { whose: 'ada', deadline: Date.now() + 20_000 } }))
    await pause(1)
    expect(outcome(await go(engine, ['of-ben'], { run: { whose: 'ben', deadline: Date.now() + 20_000 } }))).toBe('succeeded')
    await Promise.all(many)
    expect(host.asked.indexOf('of-ben')).toBeLessThan(20)
    admitted = false
    const cut = new AbortController()
    const held = Array.from({ length: 6 }, () => go(engine, ['held'], { run: { cut: cut.signal, deadline: Date.now() + 20_000 } }))
    await expect.poll(() => waiting).toBe(6)
    admitted = true
    await engine.ping?.(connection)
    cut.abort()
    await Promise.all(held)
  }, 60_000)
  test('whoever waits too long, or is cut, gives up the place in the line and takes none', async () => {
    const turns = createTurns(1)
    const leave = await turns.take('a', 1000, 'ada')
    await expect(turns.take('a', 20, 'ada')).rejects.toMatchObject({ kind: 'busy', sent: false })
    const cut = new AbortController()
    const waiting = turns.take('a', 5000, 'ada', cut.signal)
    cut.abort()
    await expect(waiting).rejects.toMatchObject({ kind: 'cut', sent: false })
    leave()
    expect(turns.size()).toBe(0)
    ;(await turns.take('a', 20, 'ada'))()
  })
})
