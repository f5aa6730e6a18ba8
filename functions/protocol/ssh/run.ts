import type { ClientChannel } from 'ssh2'
import { listen } from '../hear.ts'
import type { Masker } from '../masker.ts'
import type { Output } from '../output.ts'
import type { Executed, Run } from '../protocol.ts'
import { leave, type Session } from './login.ts'
import { rawOf } from './raw.ts'
import { cutOff, TransportError, unknown } from './trouble.ts'

export interface Job {
  readonly command: string
  /** Of the login: what sshd wrote into its log, and the record into its own. */
  readonly id: string
  readonly run: Run
  readonly limits: { readonly bytes: number; readonly timeoutMs: number }
  /** Masks one of the outputs, for the record. */
  readonly begin: () => Masker
}
const beginMs = 10_000
/** Once a command has ended, its output is at an end when nothing came for so long: what it left behind may hold it open for years. */
const quietMs = 2_000
/** What is used below the library's own surface: when the command leaves; whether its channel still is there; and signals, which it sends to nobody whose input has ended. */
interface Inner {
  readonly _protocol: { exec(channel: number, command: string, wanted: boolean): void; signal(channel: number, name: string): void }
  readonly _chanMgr: { get(id: number): unknown }
}
interface Sent extends Job { readonly sentAt: number }

/**
 * One command, without a terminal, without input, without an environment, to its end (RFC 4254, 6.5 and 6.10). From the moment it leaves it may run, so whatever is lost then is `unknown`. Throws TransportError
 * where it did not begin, and where it is not known to have; the session is left in every case.
 */
export async function run(session: Session, job: Job, now: () => number): Promise<Executed> {
  try {
    return await begin(session, job, now)
  } finally {
    leave(session)
  }
}

/** Sends it, and hears it to its end from the moment the host has said that it runs. */
function begin(session: Session, job: Job, now: () => number): Promise<Executed> {
  const { client } = session
  const { _protocol: protocol, _chanMgr: channels } = client as unknown as Inner
  const { cut, deadline } = job.run
  let [sentAt, over] = [null as number | null, false]
  return new Promise((resolve, reject) => {
    const done = (end: () => void) => { over = true; clearTimeout(timer); client.off('close', closed); cut?.removeEventListener('abort', stop); end() }
    const fail = (kind: TransportError['kind'], message: string, sent = sentAt !== null) => { done(() => { reject(new TransportError(sent ? 'lost' : kind, message, sent)) }) }
    const closed = () => { fail('lost', 'the connection broke off when the command was sent') }
    const stop = () => { fail('cut', 'cut before the host said that it runs') }
    const timer = setTimeout(() => { fail('timeout', `no word of the command within ${beginMs} ms`) }, beginMs)
    client.once('close', closed).on('error', () => undefined)         // `close` follows, and says the same
    cut?.addEventListener('abort', stop, { once: true })
    if (cut?.aborted) return stop()
    // The channel is opened first, and a host may take its time over that: this is the last moment at which it may still be kept back.
    const plain = protocol.exec.bind(protocol)
    protocol.exec = (...asked) => {
      if (over) return                                                // it was said that it did not run
      if (now() >= deadline) return fail('late', 'the time to begin has passed')
      sentAt = now()
      plain(...asked)
    }
    try {
      client.exec(job.command, { pty: false, x11: false }, (error, channel) => {
        // Refused by name it did not run. The library says the same of a channel that was closed without an answer, and then it is gone from among its channels: there is only the first.
        if (error) return fail('unrun', 'the host did not take the command', sentAt !== null && channels.get(0) === undefined)
        done(() => { resolve(finish(session, channel, { ...job, sentAt: sentAt ?? now() }, now)) })      // at once: a quick command's end may be in the same packet
      })
    } catch {
      fail('lost', 'the connection broke off before the command was sent')
    }
  })
}

/**
 * Heard whole, by the record, up to the most a command may write; past that it is let go of, and its answer says so. Of both outputs together the answer holds at most `limits.bytes`. A process that nobody listens to any more
 * gets SIGKILL where the host passes signals on (OpenSSH does not, to the command of a certificate), and ends when it next writes, as behind any closed pipe: what it does until then is not the gate's to stop.
 */
function finish({ client, socket }: Session, channel: ClientChannel, { id, run, limits, begin, sentAt }: Sent, now: () => number): Promise<Executed> {
  return new Promise((resolve) => {
    let ending: Pick<Output, 'exitCode' | 'ended'> | null = null
    let [over, open, held] = [false, 2, false]
    let quiet: NodeJS.Timeout | undefined
    const end = (what: () => Executed, kill: boolean, short = kill) => {
      if (over) return
      over = true
      clearTimeout(timer)
      clearTimeout(quiet)
      run.cut?.removeEventListener('abort', cut)
      socket.resume()
      if (kill && !socket.destroyed) {
        (client as unknown as Inner)._protocol.signal(outgoing(channel).id, 'KILL')
        channel.close()
      }
      // The rest of what it wrote is on record before its outcome is, whatever that is.
      void output.close(short).then(() => { resolve(what()) }, () => { resolve(unheard) })
    }
    // The socket is held, and not the channel: a host that sends more than its window lets it fills no memory either.
    const output = listen({ run, limits, begin }, () => { end(() => unheard, true) }, { stop: () => { held = true; clearTimeout(quiet); if (!over) socket.pause() }, go: () => { held = false; socket.resume(); listenOn() } })
    // What was left behind (a service, a script's `&`) keeps the channel open with it; it is not ended, and what it writes from here on is its own.
    const left = () => { const last = ending; if (last !== null) end(() => answer({ ...last, ended: `${last.ended === undefined ? '' : `${last.ended}; `}what it left running still holds its output, and what that writes is not heard` }, true), false, true) }
    const listenOn = () => { clearTimeout(quiet); if (ending !== null && !over && !held) quiet = setTimeout(left, quietMs) }      // while it is held, it may have more to say
    const answer = (last: Pick<Output, 'exitCode' | 'ended'> & Partial<Output>, short = false): Executed => ({ status: 'succeeded', rows: rawOf({ ...output.kept(), ...(short && { cut: { stdout: true, stderr: true } }), ...last }, id) })
    const take = (stream: 'stdout' | 'stderr') => (bytes: Buffer) => {
      if (over) return
      if (output.take(stream, bytes)) return listenOn()
      end(() => answer({ exitCode: null, ended: `it wrote more than ${output.most / 1024 / 1024} MB, which is the most a command may; it was let go of there, and how it ended is not known` }), true)
    }
    const cut = () => { const reason: unknown = run.cut?.reason; end(() => cutOff(reason instanceof Error ? reason.message : 'it may not go on'), true) }
    const timer = setTimeout(() => { if (ending === null) end(() => unknown(`no end of the command within ${limits.timeoutMs} ms`), true); else left() }, Math.max(1, sentAt + limits.timeoutMs - now()))
    run.cut?.addEventListener('abort', cut, { once: true })
    // Both outputs are at their end, or the connection is.
    const closed = () => {
      if (--open > 0) return
      const last = ending
      if (last === null) return end(() => unknown('the connection broke off before the command had ended'), false, true)
      if (outgoing(channel).state === 'closed') return end(() => answer(last), false)
      end(() => answer({ ...last, truncated: true, ended: `${last.ended === undefined ? '' : `${last.ended}; `}the connection broke off behind its end, so what it wrote may not be whole` }, true), false, true)
    }
    channel.on('error', () => undefined)
    channel.once('exit', (code: number | null, signal?: string) => { ending = typeof code === 'number' ? { exitCode: code } : { exitCode: null, ended: `it was ended by the signal ${/^[A-Z0-9]{1,16}$/.test(signal ?? '') ? signal ?? '' : 'it named'}` }; listenOn() })
    // All that came in one turn together: a host may send it a byte a packet.
    for (const [name, stream] of [['stdout', channel], ['stderr', channel.stderr]] as const) stream.on('readable', () => { const bytes = stream.read() as Buffer | null; if (bytes !== null) take(name)(bytes) }).once('close', closed)
    channel.end()                                                     // nothing goes in
    if (run.cut?.aborted) cut()
  })
}
/** `closed`: the host said that the channel is, and was told the same. */
const outgoing = (channel: ClientChannel) => (channel as unknown as { readonly outgoing: { readonly id: number; readonly state: string } }).outgoing

const unheard: Executed = unknown('what the command wrote could not be recorded, so it was ended')
