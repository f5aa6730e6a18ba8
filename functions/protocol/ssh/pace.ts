import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'

/** Read of one host at once: of packets as small as they get some hundreds, which is a few milliseconds of work. */
const turnBytes = 32 * 1024
/** Of the process, because its loop is: whoever has something to be read. */
const line: (() => void)[] = []

/** One turn in each round of the loop, whoever's it is: however many hosts there are and whatever they say, all else has its turn between two of them. */
function queue(turn: () => void): void {
  if (line.push(turn) === 1) setImmediate(next)
}
function next(): void {
  const turn = line.shift()
  if (line.length > 0) setImmediate(next)
  turn?.()
}

/**
 * A connection whose other end may say what it likes. Left to itself the loop reads a socket up to two megabytes at a time, and a host that says them in packets of a byte holds it for seconds. Here it is read by turns;
 * nothing more is read while nobody takes what was. `weigh`: called with the bytes of the last turn, once they were taken; gives how long to rest before the next, ms.
 */
export function pace(socket: Socket, weigh: (bytes: number) => number): Duplex {
  let [wanted, queued, resting, bytes, ended] = [false, false, false, 0, false]
  const come = () => {
    if (!wanted || queued || resting) return
    if (socket.readableLength === 0) { socket.read(0); return }        // its end is seen by asking; else it says when there is more
    queued = true
    queue(turn)
  }
  const turn = () => {
    queued = false
    const piece = socket.read(Math.min(turnBytes, socket.readableLength)) as Buffer | null
    if (piece === null) return come()
    bytes = piece.length
    wanted = false
    paced.push(piece)
  }
  const paced = new Duplex({
    allowHalfOpen: false, readableHighWaterMark: 1,                    // no turn is taken in advance
    read() {
      wanted = true
      if (resting) return
      const restMs = weigh(bytes)
      bytes = 0
      if (restMs === 0) return come()
      resting = true
      setTimeout(() => { resting = false; come() }, restMs)
    },
    write: (chunk: Buffer, _, done) => { socket.write(chunk, done) },
    final: (done) => { socket.end(() => { done() }) },
    destroy: (error, done) => { socket.destroy(); done(error) },
  })
  socket.on('readable', come).once('end', () => { ended = true; paced.push(null) })
  socket.on('error', (error) => { paced.destroy(error) }).once('close', () => { if (!ended) paced.destroy() })
  return paced
}
