import validate from 'asl-validator'
import { describe, expect, test } from 'vitest'
import { readDefinition } from '../../functions/local/stepfunctions/definition.ts'
import { approvalDefinition } from '../../infra/approval.ts'
import { statuses } from '../../schema/approval.ts'

const arn = 'arn:aws:lambda:eu-west-1:123456789012:function:sluice-approval'
const text = approvalDefinition(arn)
const { StartAt, States } = readDefinition(text)
const tasks = Object.entries(States).flatMap(([name, state]) => (state.Type === 'Task' ? [{ name, ...state }] : []))

describe('the state machine of a request', () => {
  test('is Amazon States Language by the public validator, which finds a mistake', () => {
    expect(validate(JSON.parse(text) as object)).toMatchObject({ isValid: true, errors: [] })
    expect(validate(JSON.parse(text.replace('"Next":"Proceed"', '"Next":"Nowhere"')) as object).isValid).toBe(false)
  })

  test('names the function in each step, and leaves nothing to fill in', () => {
    expect(tasks.map(({ Arguments }) => Arguments.FunctionName)).toEqual([arn, arn, arn, arn])
    expect(text).not.toContain('${')
  })

  test.each(['', 'sluice-approval', `${arn}"`, `${arn}{% 1 %}`, 'arn:aws:lambda:eu-west-1:123456789012:function:$&', `${arn}\n`, 'arn:aws:iam::123456789012:role/x'])('takes nothing but the ARN of a function: %j', (wrong) => {
    expect(() => approvalDefinition(wrong)).toThrow(RangeError)
  })

  test('each step has a limit, is tried again when the function or its service fails, and goes on when that is over', () => {
    for (const { name, TimeoutSeconds, Retry, Catch, Next } of tasks) {
      expect(TimeoutSeconds, name).toBeDefined()
      for (const error of ['Lambda.TooManyRequestsException', 'Lambda.ServiceException', 'Lambda.SdkClientException', 'States.TaskFailed']) expect(Retry.some(({ ErrorEquals }) => ErrorEquals.includes(error)), `${name} ${error}`).toBe(true)
      for (const { MaxAttempts, BackoffRate, MaxDelaySeconds, JitterStrategy } of Retry) {
        expect(MaxAttempts).toBeLessThanOrEqual(8)
        expect(BackoffRate).toBeGreaterThan(1)
        expect(MaxDelaySeconds).toBeLessThanOrEqual(60)
        expect(JitterStrategy).toBe('FULL')
      }
      expect(Catch.map(({ ErrorEquals, Next: to }) => [ErrorEquals, to]), name).toEqual([[['States.ALL'], Next]])
      expect(Catch[0]?.Output, `${name} keeps which request it is about`).toMatch(/\$states\.input/)
    }
  })

  test('no failure ends it before the requester is told: only what follows Tell does', () => {
    expect(StartAt).toBe('Announce')
    const before = Object.entries(States).flatMap(([name, state]) => (state.Type === 'Task' && [state.Next, ...state.Catch.map(({ Next }) => Next)].includes('Done') ? [name] : []))
    expect(before).toEqual(['Tell'])
    expect(Object.values(States).filter(({ Type }) => Type === 'Succeed')).toHaveLength(1)
  })

  test('running out of time is the wait\'s end and never tried again', () => {
    expect(States['Wait']).toMatchObject({ Next: 'Proceed', Retry: expect.not.arrayContaining([expect.objectContaining({ ErrorEquals: expect.arrayContaining([expect.stringMatching(/States\.(ALL|Timeout)/)]) as unknown })]) as unknown })
  })

  test('the token goes to the wait alone, and steps carry an id and no more', () => {
    const payloads = Object.fromEntries(tasks.map(({ name, Arguments: { Payload } }) => [name, Payload]))
    const request = '{% $states.input.request %}'
    expect(payloads).toEqual({
      Announce: { step: 'announce', request }, Wait: { step: 'wait', request, token: '{% $states.context.Task.Token %}' }, Proceed: { step: 'proceed', request }, Tell: { step: 'tell', request },
    })
    expect(tasks.filter(({ Resource }) => Resource.endsWith('.waitForTaskToken')).map(({ name }) => name)).toEqual(['Wait'])
  })

  test('knows every status there is: open ones are come back to, ended ones told', () => {
    const condition = JSON.stringify(States['Settled'])
    for (const status of statuses) expect(condition.includes(`'${status}'`), status).toBe(!['pending', 'approved', 'executing'].includes(status))
  })
})
