/**
 * How large a value may become, by what the statement's text says and before anything is known of the call's parameters: never less than it can be. The algebra is the same for every SQL engine; what each function
 * and operator makes of its operands is the engine's own (heavy.ts), but for what every engine has alike. Each of these is of one size itself, whatever went into it: a column that doubles the one before, forty times over, is 2^40 times a parameter, and
 * must not be a list of as many.
 */
export interface Size {
  readonly bytes: number
  /** Beside those bytes, so many values of parameters, the longest of them each time. */
  readonly times: number
  /** Which parameters those may be, from 0. `any`: more than are told apart. */
  readonly parameters: ReadonlySet<number> | 'any'
}

/** Of a column whose type declares no length, or more. Longer values are rare, and whoever stored them pays with his own table's time. */
export const storedBytes = 131_072
/** Of a type whose values have a length of their own. */
export const fixedBytes = 64
const none: ReadonlySet<number> = new Set()
/** Told apart in one value. */
const maxParameters = 64

export const sized = (bytes: number): Size => ({ bytes, times: 0, parameters: none })
export const parameterSize = (index: number): Size => ({ bytes: 0, times: 1, parameters: new Set([index]) })
export const stored = sized(storedBytes)
/** There is no bound that the text shows. */
export const endless = sized(Infinity)

/** One after the other. */
export const sum = (sizes: readonly Size[]): Size => sizes.reduce((total, { bytes, times, parameters }) => ({ bytes: total.bytes + bytes, times: total.times + times, parameters: union(total.parameters, parameters) }), sized(0))
/** One of them, nobody knows which. */
export const largest = (sizes: readonly Size[]): Size => sizes.reduce((most, { bytes, times, parameters }) => ({ bytes: Math.max(most.bytes, bytes), times: Math.max(most.times, times), parameters: union(most.parameters, parameters) }), sized(0))
/** `n` times over. A parameter repeated is as long as its caller likes, whatever the call says of it. */
export const repeated = (size: Size, n: number): Size => (size.times > 0 && n > 1 ? endless : { ...size, bytes: n === 0 || size.bytes === 0 ? 0 : size.bytes * n })
/** The bytes of it, where each parameter has so many. */
export const bytesWith = ({ bytes, times }: Size, each: number): number => bytes + times * each

/**
 * What a function of this name makes of its arguments where every SQL engine has it and it grows alike. `length`: its second argument, where that is a number written out, in characters or times; Infinity: any other.
 * null: it is none of these.
 */
export function sizeOfCommon(name: string, sizes: readonly Size[], length: number): Size | null {
  const [text = endless, , filling = sized(0)] = sizes
  if (name === 'left' || name === 'right') return length === Infinity || bytesWith(text, storedBytes) < length * 4 ? text : sized(length * 4)
  if (name === 'concat_ws') return sum([...sizes.slice(1), repeated(text, sizes.length)])
  if (name === 'repeat') return repeated(text, length)
  if (name === 'lpad' || name === 'rpad') return sized(length * 4)
  if (name === 'replace' || name === 'regexp_replace') return largest([text, repeated(text, bytesWith(filling, storedBytes))])
  return null
}
/** Measured once: what stands in what is measured is looked at from each of its places. */
export function sizeOnce(known: Map<object, Size>, node: object, measure: () => Size): Size {
  const there = known.get(node)
  if (there) return there
  const size = measure()
  known.set(node, size)
  return size
}

function union(one: Size['parameters'], other: Size['parameters']): Size['parameters'] {
  if (other === 'any' || one === 'any') return 'any'
  if (other.size === 0) return one
  if (one.size === 0) return other
  const all = new Set([...one, ...other])
  return all.size > maxParameters ? 'any' : all
}
