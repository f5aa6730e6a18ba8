import { parseArgs, type ParseArgsOptionsConfig } from 'node:util'
import type { Client } from './client.ts'
import { exit, Stop, type Exit, type Terminal } from './terminal.ts'

/** What a command works with. `gate` makes a client with the caller's token, of the gate at `url` or else the usual one, and stops with advice where there is none. */
export interface World {
  readonly terminal: Terminal
  readonly gate: (url?: string) => Promise<Client>
}
export interface Command {
  readonly summary: string
  /** What `--help` prints: usage first, then what a newcomer would ask. */
  readonly help: string
  /** Its arguments are another program's too, whose `-h` is not ours: only a first one asks for help. */
  readonly ownFlags?: true
  readonly run: (args: readonly string[], world: World) => Promise<Exit>
}

/** `node:util`'s parseArgs, strict, with its complaint as words and exit code 3. A negative value is written `--param=-5`. */
export function parse<const Options extends ParseArgsOptionsConfig>(args: readonly string[], options: Options, positionals: readonly [least: number, most: number], usage: string) {
  let parsed
  try {
    parsed = parseArgs({ args: [...args], options, allowPositionals: true, strict: true })
  } catch (error) {
    throw new Stop(exit.invalid, `${error instanceof Error ? firstSentence(error.message) : 'these arguments cannot be read'}\nusage: ${usage}`)
  }
  const count = parsed.positionals.length
  if (count < positionals[0] || count > positionals[1]) throw new Stop(exit.invalid, `${count < positionals[0] ? 'an argument is missing' : 'there are too many arguments'}\nusage: ${usage}`)
  return parsed
}

const firstSentence = (message: string): string => {
  const sentence = message.split(/\. |\n/)[0] ?? message
  return sentence.charAt(0).toLowerCase() + sentence.slice(1)
}

export const encode = (part: string): string => encodeURIComponent(part)
export const search = (parameters: Readonly<Record<string, string | undefined>>): string => {
  const given = new URLSearchParams()
  for (const [name, value] of Object.entries(parameters)) if (value !== undefined) given.set(name, value)
  return given.size === 0 ? '' : `?${given}`
}
