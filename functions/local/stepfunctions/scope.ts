import type { Execution, Machine } from './execution.ts'
import type { Json, Scope } from './expression.ts'

/** What expressions of a state see as `$states`: the context object has the token only where a step is given one. */
export function scopeOf(execution: Execution, machine: Machine, token: string | null = null): Scope {
  return {
    input: execution.data,
    context: {
      Execution: { Id: execution.arn, Name: execution.name, Input: JSON.parse(execution.input) as Json, RoleArn: machine.roleArn, StartTime: iso(execution.startedAt) },
      State: { Name: execution.state, EnteredTime: iso(execution.enteredAt), RetryCount: execution.retries.reduce((sum, count) => sum + count, 0) },
      StateMachine: { Id: machine.arn, Name: machine.name }, ...(token === null ? {} : { Task: { Token: token } }),
    },
  }
}
const iso = (at: number): string => new Date(at).toISOString()
