import { nameOf } from '../../schema/command.ts'
import { encode, parse, search, type Command, type World } from './command.ts'
import { list, object, printJson, refused, text } from './output.ts'
import { table } from './table.ts'
import { exit, type Exit } from './terminal.ts'
import { visible } from './visible.ts'

/** `me`, `connections`, `schema`: what an agent or a person asks before the first statement. */
async function look(world: World, path: string, json: boolean, show: (answer: Readonly<Record<string, unknown>>) => void): Promise<Exit> {
  const reply = await (await world.gate()).call('GET', path)
  if (reply.status >= 300) return refused(world.terminal, reply, json)
  if (json) printJson(world.terminal, reply.body)
  else show(object(reply.body))
  return exit.done
}

export const me: Command = {
  summary: 'who the gate takes you for, and what you may do',
  help: `sluice me [--json]

Shows subject, actors, groups and roles as the gate reads them from the token, and what the policy lets them do on which connection.`,
  run: async (args, world) => {
    const { values } = parse(args, { json: { type: 'boolean' } }, [0, 0], 'sluice me [--json]')
    return look(world, '/v1/me', values.json === true, (answer) => {
      const subject = object(answer['subject'])
      const facts = [
        ['subject', `${text(subject['id'])}${answer['person'] === true ? ' (a person)' : ''}`], ['groups', list(subject['groups']).join(', ')], ['roles', list(answer['roles']).join(', ')],
        ['acting', list(answer['actors']).map((actor) => text(object(actor)['id'])).join(', ')], ['issuer', answer['issuer']], ['until', answer['expiresAt']], ['policy', text(answer['policy']).slice(0, 12)],
      ].filter(([, value]) => value !== '' && value !== undefined)
      world.terminal.out(`${table(['fact', 'value'], facts, world.terminal.columns)}\n`)
      for (const line of list(answer['abilities']).map(object).flatMap(abilityLines)) world.terminal.out(`${visible(line)}\n`)
    })
  },
}

/** One line a rule: what may be done, at what price, and by which rule, so that a refusal that names the rule can be looked up. */
function abilityLines(connection: Readonly<Record<string, unknown>>): readonly string[] {
  const principals = list(connection['principals']).map(object)
  const words = { may: 'may', reveals: 'may see in clear', asks: 'must ask for', never: 'never' } as const
  return ['', `${text(connection['connection'])} (${text(connection['engine'])})`, ...principals.flatMap((principal) => {
    const lines = (['may', 'reveals', 'asks', 'never'] as const).flatMap((verb) => list(principal[verb]).map(object).map((rule) => `  ${words[verb]} ${ruleWords(rule)}`))
    return principals.length > 1 ? [` as ${text(principal['id'])}`, ...lines] : lines
  })]
}
function ruleWords(rule: Readonly<Record<string, unknown>>): string {
  const approval = object(rule['approval'])
  const parts = [
    list(rule['actions']).join(', '), rule['on'] === undefined ? 'on everything' : `on ${list(rule['on']).map(named).join(', ')}`, rule['columns'] === undefined ? '' : `(only ${list(rule['columns']).join(', ')})`,
    approval['by'] === undefined ? '' : `after ${text(approval['quorum'])} of ${list(approval['by']).join(', ')} said yes`, rule['when'] === undefined ? '' : `when ${text(rule['when'])}`, `[${text(rule['rule'])}]`,
  ]
  return parts.filter(Boolean).join(' ')
}

/** A name; of a host a command, as the line it is. */
const named = (name: unknown): string => nameOf(Array.isArray(name) ? name.map(text) : text(name))

export const connections: Command = {
  summary: 'the connections you may use',
  help: 'sluice connections [--json]',
  run: async (args, world) => {
    const { values } = parse(args, { json: { type: 'boolean' } }, [0, 0], 'sluice connections [--json]')
    return look(world, '/v1/connections', values.json === true, (answer) => {
      const rows = list(answer['connections']).map(object).map((connection) => [connection['name'], connection['engine'], connection['locked'] === true ? 'locked' : ''])
      world.terminal.out(`${table(['name', 'engine', ''], rows, world.terminal.columns)}\n`)
    })
  },
}

const usage = 'sluice schema CONNECTION [--purpose TEXT] [--json]'
export const schema: Command = {
  summary: 'the tables and columns you may use, with data class and mask',
  help: `${usage}

  sluice schema shop

What no rule of yours names is not shown, whether it exists or not.`,
  run: async (args, world) => {
    const { values, positionals: [connection = ''] } = parse(args, { purpose: { type: 'string' }, json: { type: 'boolean' } }, [1, 1], usage)
    return look(world, `/v1/connections/${encode(connection)}/schema${search({ purpose: values.purpose })}`, values.json === true, (answer) => {
      const rows = list(answer['relations']).map(object).flatMap((relation) => {
        const name = `${text(relation['schema'])}.${text(relation['name'])}`
        const actions = Object.entries(object(relation['actions'])).map(([action, how]) => how === 'ask' ? `${action} (asks)` : action).join(', ')
        return list(relation['columns']).map(object).map((column, i) =>
          [i === 0 ? name : '', i === 0 ? actions : '', column['name'], column['type'], [column['class'], column['masked'] === undefined ? '' : `masked: ${text(column['masked'])}`].filter(Boolean).join(', ')])
      })
      if (rows.length === 0) return world.terminal.err('there are no tables to show; `sluice me` says what you may do there\n')
      world.terminal.out(`${table(['relation', 'you may', 'column', 'type', 'data class'], rows, world.terminal.columns)}\n`)
    })
  },
}
