import { audit } from './audit.ts'
import { createClient, gateUrl, type Fetch } from './client.ts'
import type { Command, World } from './command.ts'
import { storedToken } from './kept.ts'
import { lock, unlock } from './lock.ts'
import { login } from './login.ts'
import { connections, me, schema } from './look.ts'
import { policyCommand, type Bootstrap } from './policy.ts'
import { explain, query } from './query.ts'
import { exit, Stop, type Exit, type Terminal } from './terminal.ts'
import { token } from './token.ts'
import { visibleLines } from './visible.ts'

export interface Outside {
  readonly terminal: Terminal
  readonly fetch: Fetch
  /** Writes the first policy into an empty store, past the gate: there is no policy yet that could permit it. */
  readonly bootstrap: Bootstrap
}

/** Arguments after `sluice` → exit code. The entry file hands in the world; a test hands in its own. */
export async function run(args: readonly string[], outside: Outside): Promise<Exit> {
  const { terminal } = outside
  const [name, ...rest] = args
  const commands = commandsOf(outside)
  if (name === undefined || name === 'help' || name === '--help' || name === '-h') {
    const asked = name === 'help' && rest[0] !== undefined ? commands[rest[0]] : undefined
    terminal.out(`${asked?.help ?? overview(commands)}\n`)
    return name === undefined ? exit.invalid : exit.done
  }
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined
  try {
    if (!command) throw new Stop(exit.invalid, `there is no command \`${name.slice(0, 64)}\`; \`sluice --help\` lists those there are`)
    if (beforeDashes(rest).some((arg) => arg === '--help' || arg === '-h')) {
      terminal.out(`${command.help}\n`)
      return exit.done
    }
    return await command.run(rest, worldOf(outside))
  } catch (error) {
    if (error instanceof Stop) {
      terminal.err(`${visibleLines(error.message)}\n`)
      return error.code
    }
    terminal.err(`sluice failed: ${visibleLines(error instanceof Error ? error.message : String(error))}\n`)
    return exit.failed
  }
}

const beforeDashes = (args: readonly string[]): readonly string[] => args.includes('--') ? args.slice(0, args.indexOf('--')) : args

function worldOf({ terminal, fetch }: Outside): World {
  return {
    terminal,
    gate: async () => {
      const url = gateUrl(terminal.env)
      const token = terminal.env['SLUICE_TOKEN'] || await storedToken(url, terminal.env)
      if (!token) throw new Stop(exit.denied, `no token for ${url}: set SLUICE_TOKEN, or sign in with \`sluice login\`; on this machine \`export SLUICE_TOKEN=$(sluice token --subject agent:me --group support-agents)\``)
      if (!/^[\x21-\x7e]+$/.test(token)) throw new Stop(exit.invalid, 'SLUICE_TOKEN holds something that is no token: spaces, line ends or controls')
      return createClient({ url, token, fetch })
    },
  }
}

const commandsOf = (outside: Outside): Readonly<Record<string, Command>> => ({
  login, token, me, connections, schema, query, explain, policy: policyCommand(outside.bootstrap), audit, lock, unlock,
})

function overview(commands: Readonly<Record<string, Command>>): string {
  const lines = Object.entries(commands).map(([name, { summary }]) => `  ${name.padEnd(13)}${summary}`)
  return `sluice: the command line of the gate

usage: sluice COMMAND [arguments]

${lines.join('\n')}

\`sluice COMMAND --help\` tells more. Every command takes --json.

SLUICE_URL     the gate; without it http://127.0.0.1:8787
SLUICE_TOKEN   the caller's token; without it the one \`sluice login\` kept
NO_COLOR       no colours

Data goes to standard output, words to standard error. Exit codes: 0 done, 1 failed, 2 denied, 3 invalid input, 4 waiting for approval.`
}
