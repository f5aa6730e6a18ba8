import type { Run } from '../protocol.ts'

type Piece = NonNullable<Run['piece']>
/** Longer than whoever asks for a piece waits, and not long: a server lets go of it by itself, should nobody. */
const pieceSeconds = 10

const pairsOf = (target: string): readonly [path: string, pairs: readonly string[]] => {
  const [path = '', query = ''] = target.split('?', 2)
  return [path, query.split('&').filter((pair) => pair !== '')]
}

/** The target of a piece of a watch: from behind a version that another piece came to, for a short while. */
export function pieceOf(target: string, { after }: Piece): string {
  const [path, pairs] = pairsOf(target)
  const rest = pairs.filter((pair) => !(after === null ? /^timeoutSeconds=/ : /^(?:timeoutSeconds|resourceVersion|resourceVersionMatch)=/).test(pair))
  if (after !== null && !/^\d{1,20}$/.test(after)) throw new Error('invariant: a watch goes on from a version')
  return `${path}?${[...rest, ...(after === null ? [] : [`resourceVersion=${after}`]), `timeoutSeconds=${pieceSeconds}`].join('&')}`
}

/** The version it begins behind. null: with all that is there, in no order (`resourceVersion` left out, or 0). */
export function beginOf(target: string, { after }: Piece): string | null {
  if (after !== null) return after
  const [, version = '0'] = /[?&]resourceVersion=(\d+)/.exec(target) ?? []
  return /^0*$/.test(version) ? null : version
}

/** How long a watch may last, ms: what its caller asks for, else about what API servers give it. */
export function lastsMs(target: string): number {
  const [, seconds = '0'] = /[?&]timeoutSeconds=(\d+)/.exec(target) ?? []
  return 1000 * (Number(seconds) || 1800)
}
