/** Before the platform ends a call it is answered, so long; and less than that is too little to begin with. */
export const marginMs = 1000
/** What stopping a statement takes, and recording how it ended. */
const endMs = 3000
/** Epoch ms after which nothing of this call may run: later than that nobody judges it any more, and a lock would stop nothing of it in a private network. Empty where nobody says. */
export function endOf(env: unknown, now: number): { readonly until?: number } {
  const left = leftOf(env)
  return left === null ? {} : { until: now + left - marginMs - endMs }
}

/** Milliseconds that Lambda gives this call yet. Its context has one name where an answer is streamed and another where it is not. null: nobody says. */
export function leftOf(env: unknown): number | null {
  const context: unknown = typeof env === 'object' && env !== null ? Reflect.get(env, 'context') ?? Reflect.get(env, 'lambdaContext') : undefined
  const ask: unknown = typeof context === 'object' && context !== null ? Reflect.get(context, 'getRemainingTimeInMillis') : undefined
  const left: unknown = typeof ask === 'function' ? Reflect.apply(ask, context, []) : undefined
  return typeof left === 'number' && Number.isFinite(left) ? left : null
}
