import type { Access, Demand, Shown, Used } from '../../schema/effects.ts'
import type { Refusal } from '../../schema/refusal.ts'
import type { Judge, Judged } from './access.ts'
import type { Revealed } from './reveal.ts'

/**
 * The words of a "no", for a language model that must do the right next thing without guessing: which access, which rule of its own, what would
 * pass. Never another role's rules, never a table or column that only a view's definition names, never whether a thing exists.
 */
type Told = Exclude<Judged, { kind: 'permitted' }>

export function refuseAccess(judge: Judge, access: Access, judged: Told, who: string): Refusal {
  const place = { action: access.action, resource: access.resource, statement: access.statement, ...(access.span ? { span: access.span } : {}) }
  const what = `\`${access.action}\` on ${quote(access.resource)}${placeOf(access)}`
  const inner = `${access.action} on ${access.resource} (${access.columns?.join(', ') ?? 'no columns'})${access.via.length ? ` through ${access.via.join(', ')}` : ''}: ${judged.kind} for roles ${judge.roles.names.join(', ')}`
  const view = access.via[0]
  switch (judged.kind) {
    case 'denied':
      return refusal({ ...place, reason: 'denied_by_rule', rule: judged.rule, next: 'none', inner, detail: `${what} is denied${who} by ${quote(judged.rule)}${view ? `; ${quote(view)} reads it` : ''}` })
    case 'uncovered':
      if (view) return hidden(judge, access, view, who, inner)
      return refusal({ ...place, reason: 'column_not_covered', next: 'fix', inner, detail: `${what} does not cover${who} ${list(judged.columns)}: name only columns a rule of yours covers` })
    case 'unpermitted':
      return refusal({ ...place, reason: 'capability_not_permitted', next: 'fix', inner, detail: `${what} holds a pod template that needs ${list(judged.needs)}${who}: that wants a rule with \`permit: [${judged.needs.join(', ')}]\`; leave it out of the template, or ask for such a rule` })
    case 'none': {
      const unmet = judged.unmet[0]
      if (unmet?.when) {
        return refusal({ ...place, reason: 'condition_not_met', rule: unmet.name, next: 'fix', inner, detail: `${what} is allowed${who} by ${quote(unmet.name)} only when ${quote(unmet.when.source)}, which does not hold for this call` })
      }
      if (view) return hidden(judge, access, view, who, inner)
      return refusal({ ...place, reason: 'no_rule', inner, ...hinted(judge, access, offer(judge, access, `${what} needs a rule that allows it${who}`)) })
    }
  }
}

/** What a view reads is its definition, and that is not the caller's to know: only the view is named. */
function hidden(judge: Judge, access: Access, view: string, who: string, inner: string): Refusal {
  const text = `${quote(view)} reads what no rule covers${who}: that needs rules of its own, or \`through: true\` on the rule that names the view`
  return refusal({ action: access.action, resource: view, statement: access.statement, ...(access.span ? { span: access.span } : {}), reason: 'no_rule', inner, ...offer(judge, access, text) })
}

/** Of a cluster: which object, and where. */
function placeOf({ target }: Access): string {
  if (!target) return ''
  const { name, namespace } = target
  return `${name === null ? '' : ` ${quote(name)}`}${namespace === null ? (target.clusterScoped ? '' : ' in all namespaces') : ` in namespace ${quote(namespace)}`}`
}

function offer(judge: Judge, access: Access, text: string): { detail: string; next: 'fix' | 'none' } {
  const names = judge.roles.offers(judge.connection, access.action, judge.form)
  if (names.length === 0) return { detail: `${text}; your roles allow \`${access.action}\` on nothing of ${quote(judge.connection)}`, next: 'none' }
  if (judge.form !== 'ssh') return { detail: `${text}; your roles allow \`${access.action}\` on ${list(names)}`, next: 'fix' }
  const near = nearest(names, access.resource)
  const star = near.some((name) => / \*(?: |$)/.test(name)) ? '; a `*` is one argument: no option, no space, nothing that a shell reads' : ''
  return { detail: `${text}; your roles allow \`${access.action}\` on ${list(near, names.length)}${star}`, next: 'fix' }
}

/** What serves in the place of what was named: another server's function, or the target's own catalog. */
function hinted(judge: Judge, access: Access, { detail, next }: ReturnType<typeof offer>): ReturnType<typeof offer> {
  if (access.instead !== undefined) return { detail: `${detail}; if the server's own is meant, here it is ${access.instead}`, next: 'fix' }
  if (access.action === 'select' && access.system) return { detail: `${detail}; the tables and columns you may see are told by \`/v1/connections/${clip(judge.connection)}/schema\`, over MCP by \`access\``, next: 'fix' }
  return { detail, next }
}

/** Of sorted commands those that begin most like the one that was asked for, the nearest first: they stand around where it would stand, so that many rules cost no more than few. */
function nearest(names: readonly string[], line: string): readonly string[] {
  let [low, high] = [0, names.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((names[middle] ?? '') < line) low = middle + 1
    else high = middle
  }
  const from = Math.max(0, Math.min(low - shownMost / 2, names.length - shownMost))
  const alike = (name: string): number => { let at = 0; while (at < name.length && name[at] === line[at]) at++; return at }
  return names.slice(from, from + shownMost).map((name) => ({ name, alike: alike(name) })).sort((a, b) => b.alike - a.alike).map(({ name }) => name)
}

/** `judged`: how the column's reveal came out; it is not in clear. */
export function refuseUse(used: Used, judged: Exclude<Revealed, { kind: 'clear' }>, mask: string, who: string): Refusal {
  // What a called function returns may hold anything: naming the classes would tell of tables the caller has nothing to do with.
  if (used.column === '*') {
    return refusal({
      reason: 'unclassified_result', action: 'call', resource: used.resource, statement: used.statement, ...(used.span ? { span: used.span } : {}), next: 'none',
      detail: `what ${quote(used.resource)} returns may hold classified data, which may not be seen in clear${who}; it can be called once the connection's policy classifies what it returns`,
      inner: `${used.resource} returns ${used.dataClass} for all the policy says: ${judged.kind}`,
    })
  }
  if (used.back) {
    return refusal({
      reason: 'mask_written_back', action: 'reveal', resource: used.resource, statement: used.statement, ...(used.span ? { span: used.span } : {}), next: judged.kind === 'asks' ? 'request' : 'fix',
      detail: `the value set in ${quote(used.column)} of ${quote(used.resource)} reads like its mask (${mask}), and would destroy the real one${who}: leave the column out, or set what is really meant${mask === 'year' ? '; a real first of January can be set by whoever may see the column in clear' : ''}${judged.kind === 'asks' ? `, or say \`reveal: [${clip(used.dataClass)}]\` to ask for it` : ''}`,
      inner: `${used.column} of ${used.resource} (${used.dataClass}) set to what its mask shows: ${judged.kind}`,
    })
  }
  const text = `${quote(used.column)} of ${quote(used.resource)} holds ${quote(used.dataClass)}, which may not be seen in clear${who}, so it cannot be used ${phrase(used.how)}`
  const way = judged.kind === 'asks'
    ? `; say \`reveal: [${clip(used.dataClass)}]\` to ask for it, or select the column as it is and it comes masked (${mask})`
    : `; selected as it is, it comes masked (${mask}); filter, join and sort by other columns`
  return refusal({
    reason: 'classified_use', action: 'reveal', resource: used.resource, statement: used.statement, ...(used.span ? { span: used.span } : {}),
    next: judged.kind === 'asks' ? 'request' : 'fix', detail: text + way, inner: `${used.column} of ${used.resource} (${used.dataClass}) ${used.how}: ${judged.kind}`,
  })
}

/** Nobody sees behind a detector's mark, so nobody can mean to write one. */
export function refuseMark(used: Used): Refusal {
  return refusal({
    reason: 'mask_written_back', resource: used.resource, statement: used.statement, ...(used.span ? { span: used.span } : {}), next: 'fix',
    detail: `the value set in ${quote(used.column)} of ${quote(used.resource)} holds a mark that the gate put where it took out ${quote(used.dataClass)}, and would destroy the real text: leave the column out, or set text without such a mark`,
    inner: `a detector's mark set in ${used.column} of ${used.resource}`,
  })
}

/** The call asked to see a class that no rule reveals. */
export function refuseReveal(shown: Shown, mask: string, who: string): Refusal {
  return refusal({
    reason: 'no_rule', action: 'reveal', resource: shown.resource, statement: shown.statement, ...(shown.span ? { span: shown.span } : {}), next: 'fix',
    detail: `no rule reveals ${quote(shown.dataClass)} of ${quote(shown.resource)}${who}; without it in \`reveal\`, the column comes masked (${mask})`,
    inner: `reveal of ${shown.dataClass} in ${shown.resource}.${shown.column}: no rule`,
  })
}

/** What a gate answers where nobody can be asked, and what `explain` says. */
export function approvalRequired(demands: readonly Demand[], first: { readonly action: string; readonly resource: string } | null): Refusal {
  const who = demands.map((demand) => `${demand.quorum === 1 ? 'one' : demand.quorum} of ${list(demand.by)}`).join(' and ')
  return refusal({
    reason: 'approval_required', next: 'request', ...first, rule: demands.map((demand) => demand.rule).join(', '),
    detail: `${first ? `\`${first.action}\` on ${quote(first.resource)}` : 'this call'} needs the approval of ${who}`,
  })
}

export const noConnection = (connection: string): Refusal =>
  refusal({ reason: 'no_rule', next: 'none', detail: `no rule allows anything on ${quote(connection)}` })

const refusal = (about: Omit<Refusal, 'slug'>): Refusal => ({ slug: 'denied', ...about })

/** Names come from statements and tokens: cut, and without what could end the quotation or the line. */
const clip = (text: string): string => (text.length > 128 ? `${text.slice(0, 127)}…` : text).replace(/[\p{Cc}\p{Cf}\u2028\u2029`]/gu, '?')
/** An engine's words, in which it quotes what was written: its own backticks stay where they are pairs. */
const phrase = (text: string): string => (/^[^`]*(?:`[^`]{1,64}`[^`]*)*$/.test(text) ? text.split('`').map(clip).join('`') : clip(text))
const quote = (text: string): string => `\`${clip(text)}\``
const shownMost = 12
function list(names: readonly string[], all = names.length): string {
  const shown = names.slice(0, shownMost).map(quote).join(', ')
  return all > shownMost ? `${shown} and ${all - shownMost} more` : shown
}
