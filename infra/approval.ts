import definition from './approval.asl.json' with { type: 'json' }

/** What stands in the definition for the function behind every step. */
const placeholder = '${ApprovalFunctionArn}'
const functionArn = /^arn:aws[a-z-]*:lambda:[a-z0-9-]+:\d{12}:function:[A-Za-z0-9-_]{1,64}(:[A-Za-z0-9-_$]{1,128})?$/

/**
 * The state machine's definition as CreateStateMachine takes it, its steps done by the function `arn`; one text for AWS and for the local stack.
 * Throws RangeError for what is not a function's ARN: the text goes into JSON, and an expression in it would be run.
 */
export function approvalDefinition(arn: string): string {
  if (!functionArn.test(arn)) throw new RangeError('not the ARN of a function')
  return JSON.stringify(definition).replaceAll(placeholder, () => arn)
}
