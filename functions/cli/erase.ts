import { encode, parse, search, type World } from './command.ts'
import { list, object, printJson, refused, text } from './output.ts'
import { exit, Stop, type Exit } from './terminal.ts'
import { visible } from './visible.ts'

const usage = 'sluice audit erase SESSION --yes | sluice audit erase --subject user:… --before TIME --yes'

/**
 * `sluice audit erase`: asks the gate to destroy the keys of content, a part at a time, until there is no more. Interrupted anywhere it is run again: what is erased stays erased, and the rest goes.
 */
export async function erase(args: readonly string[], { terminal, gate }: World): Promise<Exit> {
  const { values, positionals: [session] } = parse(args, { subject: { type: 'string' }, before: { type: 'string' }, yes: { type: 'boolean' }, json: { type: 'boolean' } }, [0, 1], usage)
  const { subject, before } = values
  if ((session === undefined) === (subject === undefined) || (subject === undefined) !== (before === undefined)) throw new Stop(exit.invalid, `name a session, or a subject and a time\nusage: ${usage}`)
  const what = session ?? `what ${subject} wrote before ${before}`
  if (!values.yes && (await terminal.ask?.(`The content of ${what} cannot be brought back, by anybody. Type \`erase\` to go on: `))?.trim() !== 'erase') throw new Stop(exit.invalid, 'nothing was erased; give --yes, or type `erase` where you are asked')
  const client = await gate()
  const path = session === undefined ? '/v1/audit/content' : `/v1/audit/sessions/${encode(session)}/content`
  const events: unknown[] = []
  const damaged: string[] = []
  let erased = 0
  for (let after: string | undefined; ;) {
    const reply = await client.call('DELETE', `${path}${search({ subject, before, after })}`)
    if (reply.status >= 300) {
      if (erased > 0) terminal.err(`${erased} keys were destroyed before this; run it again\n`)
      return refused(terminal, reply, values.json === true)
    }
    const body = object(reply.body)
    erased += Number(body['erased'] ?? 0)
    events.push(body['event'])
    damaged.push(...list(body['damaged']).map(text))
    if (typeof body['next'] !== 'string') break
    after = body['next']
  }
  if (values.json) printJson(terminal, { erased, events, ...(damaged.length === 0 ? {} : { damaged }) })
  else terminal.err(erased === 0 ? 'there was nothing left to erase\n' : `${erased} ${erased === 1 ? 'key is' : 'keys are'} destroyed; what they sealed is gone, and the log still verifies\n`)
  if (damaged.length > 0) terminal.err(`events that cannot be read, so that nobody knows what sealed them: ${damaged.map(visible).join(', ')}\n`)
  return exit.done
}
