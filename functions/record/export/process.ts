import { commandWords } from '../../../schema/command.ts'
import type { Told } from '../../../schema/told.ts'
import { actorOf, authorizationsOf, chainOf, classes, framed, type Ocsf, without } from './frame.ts'

/** Of a host: no other engine has an access of this name. An outcome says nothing of what it did but through its intent. */
export const isCommand = (event: Told, intent: Told | null): boolean => ((event.kind === 'intent' || event.kind === 'refusal' ? event : intent)?.accesses ?? []).some(({ action }) => action === 'exec')

/**
 * 1007, Process Activity: a command about to run on a host, what became of it, or its refusal. Not SSH Activity (4007), which tells of a connection and its bytes: sshd's own log has those, and what the record knows is which process was launched, by
 * whom, as whom, and how it ended. A command that ended is a Terminate with its exit code; one that did not begin is a Launch that failed. The process is known by its intent's id: the host gives no pid. `process.user` is the login it runs as,
 * `actor` who asked for it.
 */
export function processActivity(event: Told, intent: Told | null): Ocsf {
  const asked = event.kind === 'intent' || event.kind === 'refusal' ? event : intent
  const rules = event.kind === 'refusal' ? [event.refusal?.rule ?? []].flat() : asked?.rules ?? []
  const exitCode = event.said?.['exitCode']
  const ended = event.status === 'succeeded'
  const { status, severity } = endOf(event, exitCode)
  return {
    ...framed(event, classes.process, {
      activity: ended ? 2 : 1, status, severity, code: event.refusal?.slug, detail: event.refusal?.detail,
      unmapped: {
        ...chainOf(event), purpose: asked?.purpose, accesses: asked?.accesses, intent: event.intent, outcome: event.kind === 'outcome' || event.kind === 'correction' ? event.status : undefined, said: saidOf(event), login: event.answered?.audit,
        truncated: event.truncated, durationMs: event.durationMs, by: event.by, deadline: event.deadline, inner: event.refusal?.inner,
      },
    }),
    actor: actorOf(event, event.kind === 'outcome' || event.kind === 'correction' ? undefined : authorizationsOf(event, event.kind === 'refusal' ? 'denied' : 'allowed', rules)),
    device: { name: event.connection ?? 'unknown', type_id: 1, type: 'Server' },
    process: processOf(event, asked), ...(typeof exitCode === 'number' ? { exit_code: exitCode } : {}),
  }
}

/** How it ended, and how much it wrote; what that was is in the record. */
const saidOf = ({ said }: Told): Ocsf | undefined => said && Object.fromEntries(Object.entries(said).filter(([name, value]) => typeof value !== 'string' || !['stdout', 'stderr'].includes(name)))

function processOf(event: Told, asked: Told | null): Ocsf {
  const line = asked?.statements?.[0]?.sql
  const program = (line === undefined ? null : commandWords(line)?.[0]) ?? asked?.accesses?.[0]?.resource.split(' ')[0]
  const login = /^as (\S+)$/m.exec(asked?.diff ?? '')?.[1]
  return without({
    uid: event.intent ?? event.id, cmd_line: line, name: program === '*' ? undefined : program?.slice(program.lastIndexOf('/') + 1) || undefined,
    user: login === undefined ? undefined : { name: login, type_id: 0, type: 'Unknown' },
  })
}

function endOf({ kind, status, refusal }: Told, exitCode: unknown): { readonly status: 0 | 1 | 2; readonly severity: 1 | 2 | 3 | 4 } {
  if (kind === 'intent') return { status: 0, severity: 1 }                 // its outcome says
  if (kind === 'refusal') return { status: 2, severity: refusal?.slug === 'denied' ? 3 : 2 }
  switch (status) {
    case 'succeeded': return { status: exitCode === 0 ? 1 : typeof exitCode === 'number' ? 2 : 0, severity: 1 }
    case 'failed': return { status: 2, severity: 2 }
    case undefined: default: return { status: 0, severity: 4 }              // it may be running still: somebody must look
  }
}
