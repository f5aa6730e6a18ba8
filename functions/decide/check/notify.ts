import type { NotifyDocument, RoleDocument } from '../../../schema/policy.ts'
import { createPlaces } from '../places.ts'
import { suggest, type Report } from './finding.ts'

type Of<T> = { readonly document: T; readonly report: Report }

/** Whether those who must decide are ever told, and whether what tells them names somebody. `accepted`: a group that some issuer lets through. */
export function checkNotify(notify: readonly Of<NotifyDocument>[], roles: readonly Of<RoleDocument>[], accepted: (group: string) => boolean): void {
  const approvers = [...new Set(roles.flatMap(({ document }) => document.rules.flatMap((rule) => rule.approval?.by ?? [])))].sort()
  const taken = new Map<string, string>()
  for (const { document, report } of notify) {
    checkOne(document, approvers, report)
    for (const [user, subject] of Object.entries(document.people ?? {})) {
      const other = taken.get(user)
      if (other !== undefined && other !== subject) report('error', ['people', user], `the Slack user \`${user}\` is \`${other}\` in another place; one user is one person`)
      taken.set(user, subject)
    }
  }
  const places = createPlaces(notify.map(({ document }) => document), new Map())
  const told = new Set<string>()
  for (const { document, report } of roles) {
    document.rules.forEach((rule, n) => rule.approval?.by.forEach((by, i) => {
      // an agent or a group nobody has is complained of already
      if (told.has(by) || by.startsWith('agent:') || (!by.startsWith('user:') && !accepted(by)) || places.places([by]).length > 0) return
      told.add(by)
      report('warning', ['rules', n, 'approval', 'by', i], `nobody is told of what waits for \`${by}\`; write a document \`kind: notify\` with \`${by.startsWith('user:') ? 'subject' : 'group'}: ${by}\` and \`slack\` or \`mail\``)
    }))
  }
}

function checkOne(document: NotifyDocument, approvers: readonly string[], report: Report): void {
  const { group, subject, slack, mail, people } = document
  if ((group === undefined) === (subject === undefined)) report('error', ['name'], 'a `notify` is for one approver: write either `group` or `subject`')
  if (slack === undefined && mail === undefined && people === undefined) report('error', ['name'], 'this `notify` says no place; write `slack: CHANNEL` or `mail: [ADDRESS]`')
  const whom = group ?? subject
  if (whom !== undefined && !approvers.includes(whom)) report('warning', [group === undefined ? 'subject' : 'group'], `no rule asks \`${whom}\` for approval${suggest(whom, approvers)}`)
}
