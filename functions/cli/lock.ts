import { encode, parse, type Command } from './command.ts'
import { list, object, printJson, refused } from './output.ts'
import { table } from './table.ts'
import { exit, Stop } from './terminal.ts'

const usage = 'sluice lock [TARGET] [options]'
export const lock: Command = {
  summary: 'stop a subject, a role, a connection or everything, within seconds',
  help: `${usage}

  sluice lock                                          lists the locks
  sluice lock subject:agent:support-bot --reason 'asks for odd things' --for 2h
  sluice lock connection:shop
  sluice lock everything

Holds for every statement that begins more than 2 seconds later, until it is lifted (\`sluice unlock\`) or its time is over.

  --reason TEXT          kept with the lock; whoever is locked does not see it
  --for DURATION         90s, 30m, 2h, 7d        --until TIME   ISO 8601
  --lockout              needed to lock yourself, or a role of your own
  --json`,
  run: async (args, { terminal, gate }) => {
    const { values, positionals: [target] } = parse(args, {
      reason: { type: 'string' }, for: { type: 'string' }, until: { type: 'string' }, lockout: { type: 'boolean' }, json: { type: 'boolean' },
    }, [0, 1], usage)
    const json = values.json === true
    const client = await gate()
    if (target === undefined) {
      const reply = await client.call('GET', '/v1/locks')
      if (reply.status >= 300) return refused(terminal, reply, json)
      if (json) printJson(terminal, reply.body)
      else terminal.out(`${table(['target', 'by', 'at', 'until', 'reason'], list(object(reply.body)['locks']).map(object).map((lock) => [lock['target'], lock['by'], lock['at'], lock['until'] ?? '', lock['reason'] ?? '']), terminal.columns)}\n`)
      return exit.done
    }
    const until = values.until ?? (values.for === undefined ? undefined : later(values.for))
    const body = { ...(values.reason === undefined ? {} : { reason: values.reason }), ...(until === undefined ? {} : { until }), ...(values.lockout ? { lockout: true } : {}) }
    const reply = await client.call('PUT', `/v1/locks/${encode(target)}`, { body })
    if (reply.status >= 300) return refused(terminal, reply, json)
    if (json) printJson(terminal, reply.body)
    else terminal.err(`locked ${target}; it holds for every statement that begins more than 2 seconds from now\n`)
    return exit.done
  },
}

const unlockUsage = 'sluice unlock TARGET'
export const unlock: Command = {
  summary: 'lift a lock',
  help: `${unlockUsage}

  sluice unlock subject:agent:support-bot

  --json`,
  run: async (args, { terminal, gate }) => {
    const { values, positionals: [target = ''] } = parse(args, { json: { type: 'boolean' } }, [1, 1], unlockUsage)
    const reply = await (await gate()).call('DELETE', `/v1/locks/${encode(target)}`)
    if (reply.status >= 300) return refused(terminal, reply, values.json === true)
    if (values.json) printJson(terminal, reply.body)
    else terminal.err(`unlocked ${target}\n`)
    return exit.done
  },
}

function later(duration: string): string {
  const [, count, unit] = /^([1-9]\d{0,5})(s|m|h|d)$/.exec(duration) ?? []
  const ms = unit === 's' ? 1000 : unit === 'm' ? 60_000 : unit === 'h' ? 3_600_000 : unit === 'd' ? 86_400_000 : null
  if (count === undefined || ms === null) throw new Stop(exit.invalid, `a duration is a number and s, m, h or d, not \`${duration}\``)
  return new Date(Date.now() + Number(count) * ms).toISOString()
}
