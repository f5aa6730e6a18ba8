import type { Pattern } from './pattern.ts'

/**
 * Commands that rules name, found by their words. Rules that have as many words, and a `*` at the same places, are of one shape: of each shape a command is looked up once, with `*` put at its places. There are few shapes however many
 * rules there are, so that 10 000 units with a rule each cost what 10 do, also where the `*` comes first (`svc * restart`). What is found still has to match: a command may hold a `*` of its own.
 */
export interface Commands<T> { readonly keys: Map<string, T>; readonly shapes: Map<string, Shape> }
type Shape = readonly boolean[]

export const commands = <T>(): Commands<T> => ({ keys: new Map(), shapes: new Map() })

// No word holds a NUL (schema/command.ts).
const keyOf = (shape: Shape, words: readonly string[]): string => shape.map((star, i) => (star ? '*' : words[i])).join('\0')

/** Where the rules of a command's words are kept; made by `make` for the first of them. */
export function commandAt<T>({ keys, shapes }: Commands<T>, { parts: { ssh } }: Pattern, make: () => T): T {
  const shape = (ssh ?? []).map((pieces) => pieces.length > 1)
  shapes.set(shape.map(Number).join(''), shape)
  const key = keyOf(shape, (ssh ?? []).map(([word = '']) => word))
  const found = keys.get(key) ?? make()
  keys.set(key, found)
  return found
}

/** All that may name this command, or what it begins with. */
export function commandsOf<T>({ keys, shapes }: Commands<T>, words: readonly string[]): readonly T[] {
  const found: T[] = []
  for (const shape of shapes.values()) {
    const one = shape.length <= words.length ? keys.get(keyOf(shape, words)) : undefined
    if (one !== undefined) found.push(one)
  }
  return found
}
