import type { Reply } from './client.ts'
import { encode, parse, type Command, type World } from './command.ts'
import { object, printJson, refused, text } from './output.ts'
import { patiently } from './patience.ts'
import { showExplanation } from './query.ts'
import { exit, Stop, type Exit, type Terminal } from './terminal.ts'
import { visible, visibleLines } from './visible.ts'

const usage = 'sluice exec CONNECTION [options] -- WORD…'
const options = {
  'purpose': { type: 'string' }, 'wait': { type: 'string' }, 'explain': { type: 'boolean' }, 'session': { type: 'string' }, 'idempotency-key': { type: 'string' }, 'json': { type: 'boolean' },
  'namespace': { type: 'string' }, 'pod': { type: 'string' }, 'container': { type: 'string' },
} as const

export const exec: Command = {
  summary: 'run one command on a host, or in a container of a cluster, and show what it wrote',
  help: `${usage}

  sluice exec bastion -- df -h
  sluice exec bastion --wait 600 --purpose 'the front hangs' -- systemctl restart front
  sluice exec cluster --namespace web --pod front-7d9c-x2x4k -- cat /etc/hostname

The words behind \`--\` are the command, each as it stands: nothing of a shell is in them but what your own shell made of them. Without a terminal and
without input. What it wrote to standard output comes out there, and the rest on standard error, looked through for what has the form of a secret.

Exit code 0 when the command ended with 0; 1 when it ended otherwise (standard error says how) or its end is not known; 2 denied, 3 invalid input, 4 waiting for a person.

  --purpose TEXT         what it is for; recorded, and some rules ask for it
  --explain              ask what the gate would decide, and why; nothing runs
  --wait SECONDS         holds so long until people have decided and it has run; without it a command that waits is exit code 4
  --namespace NAME       in a container: of this pod's namespace,
  --pod NAME             this pod,
  --container NAME       and this container, where there are several
  --session ID           belongs to this session, as an earlier answer named it
  --idempotency-key KEY  a repeat with the same key gives the first answer instead of running twice
  --json                 the gate's answer as it came`,
  ownFlags: true,
  run: async (args, world) => {
    const { connection, body, headers, json, explain, waitMs } = readCommand(args)
    const client = await world.gate()
    if (explain) return explained(await client.call('POST', `/v1/connections/${encode(connection)}/explain`, { body, headers }), world, json)
    const reply = await patiently(world.terminal, Date.now() + waitMs, (seconds) =>
      client.call('POST', `/v1/connections/${encode(connection)}/exec`, { body, headers: { ...headers, ...(seconds > 0 ? { prefer: `wait=${seconds}` } : {}) } }))
    if (reply.status === 202 && json) printJson(world.terminal, reply.body)
    if (reply.status === 202) return exit.waiting
    if (reply.status >= 300) return refused(world.terminal, reply, json)
    const said = object(reply.body)
    if (json) printJson(world.terminal, reply.body)
    else showSaid(world.terminal, said)
    return said['exitCode'] === 0 ? exit.done : exit.failed
  },
}

function readCommand(args: readonly string[]) {
  const dashes = args.indexOf('--')
  if (dashes === -1) throw new Stop(exit.invalid, `put \`--\` before the command, so that its options are its own\nusage: ${usage}`)
  const { values, positionals: [connection = ''] } = parse(args.slice(0, dashes), options, [1, 1], usage)
  const command = args.slice(dashes + 1)
  if (command.length === 0) throw new Stop(exit.invalid, `the command is missing behind \`--\`\nusage: ${usage}`)
  if (values.wait !== undefined && !/^\d{1,6}$/.test(values.wait)) throw new Stop(exit.invalid, `--wait wants a whole number of seconds, not \`${values.wait}\``)
  if (values.explain && values.wait !== undefined) throw new Stop(exit.invalid, `an explanation waits for nobody; leave out --wait\nusage: ${usage}`)
  if ((values.namespace === undefined) !== (values.pod === undefined) || (values.container !== undefined && values.pod === undefined)) throw new Stop(exit.invalid, `a container is named by --namespace and --pod, both\nusage: ${usage}`)
  const { namespace, pod, container, purpose, session } = values
  const given = Object.fromEntries(Object.entries({ namespace, pod, container, purpose }).filter(([, value]) => value !== undefined))
  return {
    connection, body: { ...given, command }, json: values.json === true, explain: values.explain === true, waitMs: Number(values.wait ?? 0) * 1000,
    headers: { ...(session === undefined ? {} : { 'sluice-session': session }), ...(values['idempotency-key'] === undefined ? {} : { 'idempotency-key': values['idempotency-key'] }) },
  }
}

function explained(reply: Reply, { terminal }: World, json: boolean): Exit {
  if (reply.status >= 300) return refused(terminal, reply, json)
  if (json) printJson(terminal, reply.body)
  else showExplanation(terminal, object(reply.body))
  const { decision } = object(reply.body)
  return decision === 'permit' ? exit.done : decision === 'ask' ? exit.waiting : exit.denied
}

/** A command's answer: both outputs where they belong, and as words what is to be known of its end. */
export function showSaid(terminal: Terminal, said: Readonly<Record<string, unknown>>): void {
  const { stdout, stderr, exitCode, truncated, ended, withheld } = said
  terminal.out(shown(text(stdout), terminal.columns !== null))
  terminal.err(shown(text(stderr), terminal.rawErr !== true))
  const say = (words: unknown) => { if (words) terminal.err(`${visible(text(words))}\n`) }
  say(withheld)
  say(truncated === true ? 'cut at a limit: it wrote more, and the record has all of it' : '')
  say(ended)
  if (typeof exitCode === 'number' && exitCode !== 0) say(`exit ${exitCode}`)
  const facts = [['evaluation', said['evaluation']], ['session', said['session']], ['recorded as', object(said['receipt'])['event']]] as const
  say(facts.filter(([, value]) => value).map(([name, value]) => `${name} ${text(value)}`).join(' · '))
}

/** On a terminal what a host wrote neither moves the cursor nor repaints; a file or a pipe gets it as it is. Line ends and tabs are text. */
function shown(output: string, looked: boolean): string {
  if (!looked) return output
  const lines = output.replaceAll('\r\n', '\n').split('\t').map(visibleLines).join('\t')
  return lines === '' || lines.endsWith('\n') ? lines : `${lines}\n`
}
