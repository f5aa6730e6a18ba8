import type { Client, ClientChannel } from 'ssh2'
import { listen } from '../hear.ts'
import type { Masker } from '../masker.ts'
import type { Output } from '../output.ts'
import type { Executed, Run } from '../protocol.ts'
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

/**
 * One command, without a terminal, without input, without an environment, to its end (RFC 4254, 6.5 and 6.10). From the moment it is sent it may run, so whatever is lost then is `unknown`. Throws TransportError
 * where it did not begin.
 */
export function run(client: Client, job: Job, now: () => number): Promise<Executed> {
  if (now() >= job.run.deadline) throw new TransportError('late', 'the time to begin has passed', false)
  if (job.run.cut?.aborted) throw new TransportError('cut', 'cut before it began', false)
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => { reject(new TransportError('lost', `no word of the command within ${beginMs} ms`, true)) }, beginMs)
    const closed = () => { clearTimeout(timer); reject(new TransportError('lost', 'the connection broke off when the command was sent', true)) }
    client.once('close', closed)
    client.on('error', () => undefined)                               // `close` follows, and says the same
    client.exec(job.command, { pty: false, x11: false }, (error, channel) => {
      clearTimeout(timer)
      client.off('close', closed)
      // Refused by name, it did not run; an error of any other kind may mean a broken connection.
      if (error) return reject(new TransportError(/^Unable to exec$|open failed/i.test(error.message) ? 'unrun' : 'lost', 'the host did not take the command', !/^Unable to exec$|open failed/i.test(error.message)))
      resolve(finish(client, channel, job))
    })
  })
}

/**
 * Heard whole, by the record, up to the most a command may write; past that it is let go of, and its answer says so. Of both outputs together the answer holds at most `limits.bytes`. A process that nobody listens to any more
 * gets SIGKILL where the host passes signals on, and ends when it next writes, as behind any closed pipe: what it does until then is not the gate's to stop.
 */
function finish(client: Client, channel: ClientChannel, { id, run, limits, begin }: Job): Promise<Executed> {
  return new Promise((resolve) => {
    let ending: Pick<Output, 'exitCode' | 'ended'> | null = null
    let over = false
    const end = (what: () => Executed, kill: boolean) => {
      if (over) return
      over = true
      clearTimeout(timer)
      run.cut?.removeEventListener('abort', cut)
      if (kill) {
        channel.signal('KILL')
        channel.close()
      }
      client.end()
      const gone = setTimeout(() => client.destroy(), 1000)
      client.once('close', () => { clearTimeout(gone) })
      // The rest of what it wrote is on record before its outcome is, whatever that is.
      void output.close().then(() => { resolve(what()) }, () => { resolve(unheard) })
    }
    const output = listen({ run, limits, begin }, () => { end(() => unheard, true) }, { stop: () => { channel.pause(); channel.stderr.pause() }, go: () => { channel.resume(); channel.stderr.resume() } })
    const answer = (last: Pick<Output, 'exitCode' | 'ended'>): Executed => ({ status: 'succeeded', rows: rawOf({ ...output.kept(), ...last }, id) })
    const take = (stream: 'stdout' | 'stderr') => (bytes: Buffer) => {
      if (over || output.take(stream, bytes)) return
      end(() => answer({ exitCode: null, ended: `it wrote more than ${output.most / 1024 / 1024} MB, which is the most a command may; it was let go of there, and how it ended is not known` }), true)
    }
    const cut = () => { const reason: unknown = run.cut?.reason; end(() => cutOff(reason instanceof Error ? reason.message : 'it may not go on'), true) }
    const timer = setTimeout(() => { end(() => unknown(`no end of the command within ${limits.timeoutMs} ms`), true) }, limits.timeoutMs)
    run.cut?.addEventListener('abort', cut, { once: true })
    channel.on('error', () => undefined)
    channel.on('data', take('stdout'))
    channel.stderr.on('data', take('stderr'))
    channel.once('exit', (code: number | null, signal?: string) => { ending = typeof code === 'number' ? { exitCode: code } : { exitCode: null, ended: `it was ended by the signal ${/^[A-Z0-9]{1,16}$/.test(signal ?? '') ? signal ?? '' : 'it named'}` } })
    channel.once('close', () => {
      const last = ending
      if (last === null) end(() => unknown('the connection broke off before the command had ended'), false)
      else end(() => answer(last), false)
    })
    channel.end()                                                     // nothing goes in
    if (run.cut?.aborted) cut()
  })
}

const unheard: Executed = unknown('what the command wrote could not be recorded, so it was ended')
