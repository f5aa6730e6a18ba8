import type { Next, Refusal } from '../../schema/refusal.ts'
import { problemOf } from '../problem.ts'
import { fence, type Told } from './fence.ts'

/** What to do next, in the gate's own words: one sentence for each value of `next`, so that no word from a statement or a target steers the agent. */
const advice: Readonly<Record<Next, string>> = {
  fix: 'change the call as `detail` says, then send it again',
  request: 'a person must allow it: `detail` says what to ask for',
  retry: 'send the same call again a little later',
  none: 'nothing you can send will change this; do not try again',
}

/** Members of a problem that the gate alone makes, and those that may quote a statement, a name of the target or a person. */
const machine = new Set(['reason', 'next', 'evaluation', 'span', 'statement', 'sqlstate', 'retryAfter'])
const said = new Set(['detail', 'rule', 'action', 'resource'])

/** A refusal as a language model reads it: an error of the tool, with every member HTTP would give. */
export function refused(refusal: Refusal, evaluation: string | null): Told {
  const members = Object.entries(problemOf(refusal, evaluation))
  return fence({
    head: `refused: ${refusal.slug}, ${refusal.reason}. ${advice[refusal.next]}`, facts: { slug: refusal.slug, ...Object.fromEntries(members.filter(([name]) => machine.has(name))) },
    data: Object.fromEntries(members.filter(([name]) => said.has(name))), isError: true,
  })
}
