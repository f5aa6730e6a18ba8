import { once } from 'node:events'
import { userInfo } from 'node:os'
import { createInterface } from 'node:readline'
import type { Bootstrap } from './policy.ts'
import { run } from './run.ts'
import { exit, Stop, type Terminal } from './terminal.ts'

/** The `sluice` command on a real terminal. */
const { stdin, stdout, stderr, env } = process
const terminal: Terminal = {
  out: (text) => { stdout.write(text) },
  err: (text) => { stderr.write(text) },
  input: async () => { const parts: Buffer[] = []; for await (const part of stdin) parts.push(Buffer.from(part)); return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(parts)) },
  env, columns: stdout.isTTY ? Math.max(40, stdout.columns || 80) : null, color: stderr.isTTY === true && !env['NO_COLOR'] && env['TERM'] !== 'dumb',
  rawErr: !stderr.isTTY, live: stderr.isTTY === true && env['TERM'] !== 'dumb', drained: async () => { if (stdout.writableNeedDrain) await once(stdout, 'drain') },
  ...(stdin.isTTY && stdout.isTTY ? { ask } : {}),
}

/** Not in raw mode: Ctrl-C ends the command as anywhere else, and then nothing was decided. */
function ask(question: string): Promise<string> {
  const lines = createInterface({ input: stdin, output: stderr, terminal: false })
  return new Promise((resolve) => {
    lines.once('close', () => { resolve('') })
    lines.question(question, (answer) => { resolve(answer); lines.close() })
  })
}

/** The one write past the gate: the store itself refuses it when any policy is in force. Loaded only here, because the AWS SDK costs every other command half a second. */
const bootstrap: Bootstrap = async (bundle, { commit }) => {
  const [{ placeOf, DynamoError }, { createStores }, { weakness }] = await Promise.all([import('../aws/dynamo.ts'), import('../aws/ports.ts'), import('../aws/vet.ts')])
  const place = told(() => placeOf(env))
  // A stage's gate would serve none of it, and no other could follow: the store is not empty any more, and nobody is let in to apply.
  const refused = place.tables ? weakness(bundle) : null
  if (refused !== null) throw new Stop(exit.invalid, `${refused}; a deployed gate serves no such policy, and nothing was applied`)
  const stores = createStores(place)
  try {
    return await stores.policies.apply(bundle, { from: null, by: `bootstrap:${userInfo().username}`, at: new Date().toISOString(), commit })
  } catch (error) {
    if (!(error instanceof DynamoError) || error.type !== 'ResourceNotFoundException') throw error
    throw new Stop(exit.failed, `there is no table \`${place.tables ?? 'sluice'}-policy\` in \`${place.region}\`: SLUICE_TABLES is app and stage (\`sluice-production\`), AWS_REGION where it was deployed`)
  } finally {
    stores.close()
  }
}

/** Whoever begins has the credentials that `aws` and `sst` take, which are rarely in the environment. */
function told<T>(place: () => T): T {
  try {
    return place()
  } catch (error) {
    throw new Stop(exit.invalid, `${error instanceof Error ? error.message : 'no credentials'}: \`eval "$(aws configure export-credentials --format env)"\` sets credentials from a profile or a sign-in, and AWS_REGION is where it was deployed`)
  }
}

stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0)                                                            // `sluice … | head` is no failure
  stderr.write(`standard output cannot be written (${error.code ?? 'unknown'})\n`)                       // a full disk is one: what is there is cut short
  process.exit(exit.failed)
})
process.exitCode = await run(process.argv.slice(2), { terminal, fetch, bootstrap })
