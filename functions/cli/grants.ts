import { encode, parse, type Command } from './command.ts'
import { list, object, printJson, refused, text } from './output.ts'
import { exit } from './terminal.ts'
import { visible, visibleLines } from './visible.ts'

const usage = 'sluice grants CONNECTION [--json]'
export const grants: Command = {
  summary: 'the roles and grants a connection needs on its target, and where those in force differ',
  help: `${usage}

  sluice grants shop                 what differs, on standard error, and the script on standard output
  sluice grants shop > grants.sql    the script alone; read it, then run it with the target's own client

The script gives each role of the connection what the rules of the policy need and nothing else. It is never run for you.
An error says that a role walks around the target's own grants: then the exit code is 1. A warning says more than is needed, or less.
For those who may read the policy.`,
  run: async (args, { terminal, gate }) => {
    const { values, positionals: [connection = ''] } = parse(args, { json: { type: 'boolean' } }, [1, 1], usage)
    const reply = await (await gate()).call('GET', `/v1/connections/${encode(connection)}/grants`)
    if (reply.status >= 300) return refused(terminal, reply, values.json === true)
    const answer = object(reply.body)
    const findings = list(answer['findings']).map(object)
    if (values.json) printJson(terminal, reply.body)
    else {
      terminal.out(visibleLines(text(answer['script'])))
      for (const finding of findings) terminal.err(`${visible(`${text(finding['level'])}: ${text(finding['name'])}: ${text(finding['message'])}`)}\n`)
      if (findings.length === 0) terminal.err('the roles in force have what they need and no more\n')
    }
    return findings.some((finding) => finding['level'] === 'error') ? exit.failed : exit.done
  },
}
