import * as z from 'zod'
import { compile } from '../decide/compile.ts'
import type { Change } from '../decide/difference.ts'
import { policyDocument, type Bundle } from '../../schema/policy.ts'
import { parse, type Command, type World } from './command.ts'
import { list, object, printJson, refused, text } from './output.ts'
import { destroyLines, planLines, replayLines } from './policy/plan.ts'
import { writePolicy } from './policy/pull.ts'
import { readPolicy } from './policy/read.ts'
import { outcomeLines, testPolicy } from './policy/test.ts'
import { problemLine } from './policy/yaml.ts'
import { exit, Stop, type Exit, type Terminal } from './terminal.ts'
import { visible, visibleLines } from './visible.ts'

/** Puts a first policy into an empty store. false: the store is not empty. */
export type Bootstrap = (bundle: Bundle, meta: { readonly commit: string | null }) => Promise<boolean>

const usage = 'sluice policy check|test|plan|apply|pull DIRECTORY [options]'
const options = {
  commit: { type: 'string' }, from: { type: 'string' }, lockout: { type: 'boolean' }, bootstrap: { type: 'boolean' }, force: { type: 'boolean' }, json: { type: 'boolean' },
} as const
type Values = ReturnType<typeof read>['values']
const read = (args: readonly string[]) => parse(args, options, [2, 2], usage)

export const policyCommand = (bootstrap: Bootstrap): Command => ({
  summary: 'check, test, compare, apply and fetch the policy',
  help: `${usage}

  sluice policy check policy/                every error with its file, line, column and fix; needs no gate
  sluice policy test policy/                 runs the *.test.yaml files; needs no gate
  sluice policy plan policy/                 what applying it would change, and names that are not on the target
  sluice policy apply policy/ --commit $(git rev-parse HEAD)
  sluice policy pull policy/                 the policy in force as files; --force overwrites

apply replaces the whole policy at once, if the one it was compared with is still in force.

  --commit ID            recorded with the policy
  --from VERSION         the version this was planned against; without it, the one in force right now
  --lockout              allow a policy under which you could not apply another one
  --bootstrap            write the first policy straight into an empty store (AWS credentials or AWS_ENDPOINT_URL_DYNAMODB); never over another
  --json`,
  run: async (args, world) => {
    const { values, positionals: [verb, directory = ''] } = read(args)
    switch (verb) {
      case 'check': return check(world.terminal, directory, values)
      case 'test': return test(world.terminal, directory, values)
      case 'plan': return plan(world, directory, values)
      case 'apply': return values.bootstrap ? first(world.terminal, directory, values, bootstrap) : apply(world, directory, values)
      case 'pull': return pull(world, directory, values)
      case undefined: default: throw new Stop(exit.invalid, `usage: ${usage}`)
    }
  },
})

async function check(terminal: Terminal, directory: string, { json }: Values): Promise<Exit> {
  const { bundle, problems, files } = await readDirectory(directory)
  if (json) printJson(terminal, { sound: bundle !== null, problems })
  else for (const problem of problems) terminal.out(`${visible(problemLine(problem))}\n`)
  const errors = problems.filter(({ level }) => level === 'error').length
  terminal.err(`${files} ${files === 1 ? 'file' : 'files'}, ${errors} ${errors === 1 ? 'error' : 'errors'}, ${problems.length - errors} ${problems.length - errors === 1 ? 'warning' : 'warnings'}\n`)
  return bundle === null ? exit.invalid : exit.done
}

async function test(terminal: Terminal, directory: string, { json }: Values): Promise<Exit> {
  const bundle = await sound(terminal, directory)
  const { tests } = await readDirectory(directory)
  const outcomes = await testPolicy(compile(bundle), directory, tests, null)
  if (json) printJson(terminal, outcomes)
  else for (const line of outcomeLines(outcomes)) terminal.out(`${visibleLines(line)}\n`)
  return outcomes.some(({ status }) => status === 'failed') ? exit.failed : exit.done
}

async function plan(world: World, directory: string, { json }: Values): Promise<Exit> {
  const { documents } = await sound(world.terminal, directory)
  const reply = await (await world.gate()).call('POST', '/v1/policy/plan', { body: { documents } })
  if (reply.status >= 300) return refused(world.terminal, reply, json === true)
  if (json) printJson(world.terminal, reply.body)
  else {
    showPlan(world.terminal, object(reply.body))
    world.terminal.err(`to apply exactly this: --from ${visible(text(object(reply.body)['from']))}\n`)
  }
  return list(object(reply.body)['findings']).some((finding) => object(finding)['level'] === 'error') ? exit.invalid : exit.done
}

function showPlan(terminal: Terminal, answer: Readonly<Record<string, unknown>>): void {
  const changes = list(answer['changes']).map(object).map((change): Change => ({
    kind: 'role', name: text(change['name']), what: text(change['what']), from: null, to: null, words: text(change['words']),
    effect: change['effect'] === 'widens' || change['effect'] === 'narrows' ? change['effect'] : 'unclear',
  }))
  for (const line of destroyLines(answer['destroys'])) terminal.out(`${visible(line)}\n`)
  for (const line of planLines(changes)) terminal.out(`${visible(line)}\n`)
  for (const line of replayLines(answer['replay'])) terminal.out(`${visible(line)}\n`)
  for (const finding of list(answer['findings']).map(object)) terminal.err(`${visible(`${text(finding['level'])}: ${text(finding['path'] ?? finding['connection'])}: ${text(finding['message'])}`)}\n`)
  if (answer['keepsApply'] === false) terminal.err('under this policy you could not apply another one; apply would want --lockout\n')
}

async function apply(world: World, directory: string, values: Values): Promise<Exit> {
  const { documents } = await sound(world.terminal, directory)
  const gate = await world.gate()
  let from = values.from
  if (from === undefined) {
    const present = await gate.call('POST', '/v1/policy/plan', { body: { documents } })
    if (present.status >= 300) return refused(world.terminal, present, values.json === true)
    if (!values.json) showPlan(world.terminal, object(present.body))
    from = text(object(present.body)['from'])
  }
  const body = { documents, from, ...(values.commit === undefined ? {} : { commit: values.commit }), ...(values.lockout ? { lockout: true } : {}) }
  const reply = await gate.call('PUT', '/v1/policy', { body })
  if (reply.status >= 300) return refused(world.terminal, reply, values.json === true)
  if (reply.status === 202) return waits(world.terminal, reply.body, values.json === true)
  if (values.json) printJson(world.terminal, reply.body)
  else world.terminal.err(`applied ${visible(text(object(reply.body)['version']))}; in force everywhere within 2 seconds\n`)
  return exit.done
}

/** Nothing is in force yet: people are asked, and what they approve is applied then. */
function waits(terminal: Terminal, body: unknown, json: boolean): Exit {
  const { id, url } = object(object(body)['request'])
  if (json) printJson(terminal, body)
  else terminal.err(`this waits for people: ${visible(text(id))} at ${visible(text(url))}; follow it with: sluice requests ${visible(text(id))}\n`)
  return exit.waiting
}

async function first(terminal: Terminal, directory: string, values: Values, bootstrap: Bootstrap): Promise<Exit> {
  const bundle = await sound(terminal, directory)
  if (!await bootstrap(bundle, { commit: values.commit ?? null })) throw new Stop(exit.failed, 'a policy is in force already; --bootstrap writes only the first one. Apply this one through the gate, without --bootstrap')
  const { version } = compile(bundle)
  if (values.json) printJson(terminal, { version })
  else terminal.err(`applied ${version} as the first policy\n`)
  return exit.done
}

const served = z.object({ documents: z.array(z.object({ path: z.string(), document: policyDocument })) })
async function pull(world: World, directory: string, values: Values): Promise<Exit> {
  const reply = await (await world.gate()).call('GET', '/v1/policy')
  if (reply.status >= 300) return refused(world.terminal, reply, values.json === true)
  const parsed = served.safeParse(reply.body)
  if (!parsed.success) throw new Stop(exit.failed, 'the gate serves a policy this version cannot read; is it newer?')
  const paths = await writePolicy(directory, parsed.data, values.force === true).catch((error: NodeJS.ErrnoException) => {
    throw new Stop(exit.failed, error.code === 'EEXIST' ? `there are files in \`${directory}\` already; --force overwrites them` : `cannot write below \`${directory}\`: ${error.message}`)
  })
  if (values.json) printJson(world.terminal, { version: object(reply.body)['version'], paths })
  else for (const path of paths) world.terminal.out(`${visible(path)}\n`)
  world.terminal.err(`version ${visible(text(object(reply.body)['version']))}\n`)
  return exit.done
}

async function readDirectory(directory: string) {
  return readPolicy(directory).catch((error: NodeJS.ErrnoException) => { throw new Stop(exit.invalid, error.code === 'ENOENT' ? `there is no directory \`${directory}\`` : `cannot read \`${directory}\`: ${error.message}`) })
}
/** The bundle, or its problems on standard error and exit code 3: what is not sound here is not sent. */
async function sound(terminal: Terminal, directory: string): Promise<Bundle> {
  const { bundle, problems } = await readDirectory(directory)
  for (const problem of problems) terminal.err(`${visible(problemLine(problem))}\n`)
  if (bundle === null) throw new Stop(exit.invalid, 'the policy is not sound; nothing was sent')
  return bundle
}
