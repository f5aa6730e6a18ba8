import { randomUUID } from 'node:crypto'
import * as z from 'zod'
import { readDefinition } from './definition.ts'
import { type Engine, maxDataBytes } from './engine.ts'
import { ServiceError } from './error.ts'
import { type Execution, idOf, type Machine } from './execution.ts'
import type { Json } from './expression.ts'
import type { Journal } from './journal.ts'

const account = 'local:000000000000'
/** As the service has them: no white space, brackets, wildcards, quotes, separators or control characters; at most 80. */
// oxlint-disable-next-line no-control-regex
const nameShape = /^[^\s<>{}[\]?*"#%\\^|~`$&,;:/\u0000-\u001F\u007F-\u009F\uD800-\uDFFF\uFFFE\uFFFF]{1,80}$/
const arn = z.string().max(256)
const token = z.string().min(1).max(2048)
const inputs = {
  CreateStateMachine: z.strictObject({ name: z.string(), definition: z.string().max(1024 * 1024), roleArn: arn, type: z.literal('STANDARD').optional() }),
  UpdateStateMachine: z.strictObject({ stateMachineArn: arn, definition: z.string().max(1024 * 1024) }),
  StartExecution: z.strictObject({ stateMachineArn: arn, name: z.string().optional(), input: z.string().optional() }),
  DescribeExecution: z.strictObject({ executionArn: arn }),
  ListExecutions: z.strictObject({ stateMachineArn: arn, statusFilter: z.enum(['RUNNING', 'SUCCEEDED', 'FAILED', 'TIMED_OUT', 'ABORTED']).optional(), maxResults: z.int().min(0).max(1000).optional(), nextToken: z.string().regex(/^\d{1,9}$/).optional() }),
  StopExecution: z.strictObject({ executionArn: arn, error: z.string().max(256).optional(), cause: z.string().max(32768).optional() }),
  SendTaskSuccess: z.strictObject({ taskToken: token, output: z.string() }),
  SendTaskFailure: z.strictObject({ taskToken: token, error: z.string().max(256).optional(), cause: z.string().max(32768).optional() }),
  SendTaskHeartbeat: z.strictObject({ taskToken: token }),
} as const
type Operation = keyof typeof inputs
const isOperation = (name: string): name is Operation => Object.hasOwn(inputs, name)

export interface Operations {
  /** Throws ServiceError for what the service would refuse. */
  run(operation: string, input: unknown): Promise<object>
  machineOf(arn: string): Machine
}

/** The service's operations over one journal and one engine; names, shapes and error words are those of the API. */
export function createOperations({ journal, engine, now }: { readonly journal: Journal; readonly engine: () => Engine; readonly now: () => number }): Operations {
  const machines = new Map(journal.machines().map((machine) => [machine.arn, machine]))
  function machineOf(arn: string): Machine {
    const machine = machines.get(arn)
    if (!machine) throw new ServiceError('StateMachineDoesNotExist', `State Machine Does Not Exist: '${arn}'`)
    return machine
  }
  function keep(machine: Machine): Machine {
    journal.putMachine(machine)
    machines.set(machine.arn, machine)
    return machine
  }
  const executionOf = (arn: string): Execution => {
    const found = engine().running(idOf(arn)) ?? journal.endedOf(idOf(arn))
    if (!found) throw new ServiceError('ExecutionDoesNotExist', `Execution Does Not Exist: '${arn}'`)
    return found
  }

  function create({ name, definition, roleArn }: z.infer<typeof inputs.CreateStateMachine>): object {
    named(name)
    readDefinition(definition)
    const arn = `arn:aws:states:${account}:stateMachine:${name}`
    const known = machines.get(arn)
    const text = journal.putDefinition(definition)
    if (known && (known.definition !== text || known.roleArn !== roleArn)) throw new ServiceError('StateMachineAlreadyExists', `State Machine Already Exists: '${arn}'`)
    const machine = known ?? keep({ arn, name, roleArn, definition: text, createdAt: now(), updatedAt: now() })
    return { stateMachineArn: arn, creationDate: machine.createdAt / 1000 }
  }

  function start({ stateMachineArn, name = randomUUID(), input = '{}' }: z.infer<typeof inputs.StartExecution>): object {
    const machine = machineOf(stateMachineArn)
    named(name)
    const arn = `arn:aws:states:${account}:execution:${machine.name}:${name}`
    const id = idOf(arn)
    const data = json(input, 'InvalidExecutionInput')
    const earlier = engine().running(id) ?? journal.endedOf(id)
    // A name is good for one execution: the same input finds it while it runs, anything else is told so.
    if (earlier && (earlier.status !== 'RUNNING' || earlier.input !== input)) throw new ServiceError('ExecutionAlreadyExists', `Execution Already Exists: '${arn}'`)
    const startedAt = earlier?.startedAt ?? now()
    if (!earlier) {
      engine().start({
        id, arn, name, machine: machine.arn, definition: machine.definition, input, startedAt, status: 'RUNNING', stoppedAt: null, output: null, error: null, cause: null,
        state: readDefinition(journal.definition(machine.definition)).StartAt, enteredAt: startedAt, data, phase: 'ready', at: null, retries: [], seq: 1,
      })
    }
    return { executionArn: arn, startDate: startedAt / 1000 }
  }

  function list({ stateMachineArn, statusFilter, maxResults, nextToken }: z.infer<typeof inputs.ListExecutions>): object {
    machineOf(stateMachineArn)
    const every = [...engine().all(), ...(statusFilter === 'RUNNING' ? [] : journal.ended())]
      .filter(({ machine, status }) => machine === stateMachineArn && (statusFilter === undefined || status === statusFilter)).sort((a, b) => b.startedAt - a.startedAt || (a.id < b.id ? -1 : 1))
    const from = Number(nextToken ?? 0)
    const to = from + (maxResults || 100)
    return { executions: every.slice(from, to).map((one) => headOf(one)), ...(to < every.length ? { nextToken: String(to) } : {}) }
  }

  async function act<O extends Operation>(operation: O, given: unknown): Promise<object> {
    const read = <K extends Operation>(name: K): z.infer<(typeof inputs)[K]> => {
      const input = inputs[name].safeParse(given)
      if (!input.success) throw new ServiceError('ValidationException', input.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; '))
      return input.data as z.infer<(typeof inputs)[K]>
    }
    const known: Operation = operation
    switch (known) {
      case 'CreateStateMachine': return create(read(known))
      case 'UpdateStateMachine': {
        const { stateMachineArn, definition } = read(known)
        const machine = machineOf(stateMachineArn)
        readDefinition(definition)
        return { updateDate: keep({ ...machine, definition: journal.putDefinition(definition), updatedAt: now() }).updatedAt / 1000 }
      }
      case 'StartExecution': return start(read(known))
      case 'DescribeExecution': return whole(executionOf(read(known).executionArn))
      case 'ListExecutions': return list(read(known))
      case 'StopExecution': {
        const { executionArn, error = null, cause = null } = read(known)
        const { id } = executionOf(executionArn)
        engine().stop(id, error, cause)                          // one that has ended stays as it ended
        return { stopDate: (executionOf(executionArn).stoppedAt ?? now()) / 1000 }
      }
      case 'SendTaskSuccess': {
        const { taskToken, output } = read(known)
        await engine().succeed(taskToken, json(output, 'InvalidOutput'))
        return {}
      }
      case 'SendTaskFailure': {
        const { taskToken, error = 'States.TaskFailed', cause = '' } = read(known)
        await engine().fail(taskToken, error, cause)
        return {}
      }
      case 'SendTaskHeartbeat': {
        engine().beat(read(known).taskToken)
        return {}
      }
    }
  }
  return {
    machineOf,
    async run(operation, input) {
      if (!isOperation(operation)) throw new ServiceError('UnknownOperationException', `\`${operation}\` is not served here`)
      return await act(operation, input)
    },
  }
}

function named(name: string): void {
  if (!nameShape.test(name)) throw new ServiceError('InvalidName', 'Invalid Name')
}
function json(text: string, type: string): Json {
  if (Buffer.byteLength(text) > maxDataBytes) throw new ServiceError(type, 'over 256 KB')
  try {
    return JSON.parse(text) as Json
  } catch {
    throw new ServiceError(type, 'not JSON')
  }
}
const headOf = ({ arn, machine, name, status, startedAt, stoppedAt }: Execution): object =>
  ({ executionArn: arn, stateMachineArn: machine, name, status, startDate: startedAt / 1000, ...(stoppedAt === null ? {} : { stopDate: stoppedAt / 1000 }) })
const whole = (execution: Execution): object => ({
  ...headOf(execution), input: execution.input, inputDetails: { included: true },
  ...(execution.output === null ? {} : { output: execution.output, outputDetails: { included: true } }),
  ...(execution.error === null ? {} : { error: execution.error }), ...(execution.cause === null ? {} : { cause: execution.cause }),
})
