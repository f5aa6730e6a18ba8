import { createClient, gateUrl, type Fetch } from './client.ts'
import type { Command, World } from './command.ts'
import type { Bootstrap } from './policy.ts'
import { exit, Stop, type Exit, type Terminal } from './terminal.ts'
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
  const find = async (name: string): Promise<Command | undefined> => Object.hasOwn(commands, name) ? commands[name]?.() : undefined
  if (name === undefined) {
    terminal.err(`${await overview(commands)}\n`)
    return exit.invalid
  }
  if (name === 'help' || name === '--help' || name === '-h') {
    const asked = rest[0] === undefined ? undefined : await find(rest[0])
    terminal.out(`${asked?.help ?? await overview(commands)}\n`)
    return exit.done
  }
  try {
    const command = await find(name)
    if (!command) throw new Stop(exit.invalid, `there is no command \`${name.slice(0, 64)}\`; \`sluice --help\` lists those there are`)
    if ((command.ownFlags ? rest.slice(0, 1) : beforeDashes(rest)).some((arg) => arg === '--help' || arg === '-h')) {
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
    gate: async (named) => {
      const url = gateUrl(named === undefined ? terminal.env : { ...terminal.env, SLUICE_URL: named })
      const token = terminal.env['SLUICE_TOKEN'] || await (await import('./kept.ts')).storedToken(url, terminal.env)
      if (!token) throw new Stop(exit.denied, `no token for ${url}: set SLUICE_TOKEN, or sign in with \`sluice login\`; on this machine \`export SLUICE_TOKEN=$(sluice token --subject agent:me --group support-agents)\``)
      if (!/^[\x21-\x7e]+$/.test(token)) throw new Stop(exit.invalid, 'SLUICE_TOKEN holds something that is no token: spaces, line ends or controls')
      return createClient({ url, token, fetch })
    },
  }
}

/** Loaded one at a time: the policy's grammar and the sign-in are most of what there is to load, and a query needs neither. */
const commandsOf = ({ bootstrap, fetch }: Outside): Readonly<Record<string, () => Promise<Command>>> => ({
  login: async () => (await import('./login.ts')).login,
  token: async () => (await import('./token.ts')).token,
  me: async () => (await import('./look.ts')).me,
  connections: async () => (await import('./look.ts')).connections,
  schema: async () => (await import('./look.ts')).schema,
  query: async () => (await import('./query.ts')).query,
  explain: async () => (await import('./query.ts')).explain,
  exec: async () => (await import('./exec.ts')).exec,
  requests: async () => (await import('./requests.ts')).requests,
  approve: async () => (await import('./requests.ts')).approve,
  reject: async () => (await import('./requests.ts')).reject,
  policy: async () => (await import('./policy.ts')).policyCommand(bootstrap),
  grants: async () => (await import('./grants.ts')).grants,
  audit: async () => (await import('./audit.ts')).audit,
  'deploy-check': async () => (await import('./deploy.ts')).deployCheck(fetch),
  lock: async () => (await import('./lock.ts')).lock,
  unlock: async () => (await import('./lock.ts')).unlock,
})

async function overview(commands: ReturnType<typeof commandsOf>): Promise<string> {
  const lines = await Promise.all(Object.entries(commands).map(async ([name, load]) => `  ${name.padEnd(14)}${(await load()).summary}`))
  return `sluice: the command line of the gate

usage: sluice COMMAND [arguments]

${lines.join('\n')}

\`sluice COMMAND --help\` tells more. Every command takes --json.

SLUICE_URL     the gate; without it http://127.0.0.1:8787
SLUICE_TOKEN   the caller's token; without it the one \`sluice login\` kept
NO_COLOR       no colours

Data goes to standard output, words to standard error. Exit codes: 0 done, 1 failed, 2 denied, 3 invalid input, 4 waiting for approval.`
}
