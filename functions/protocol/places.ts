import { TransportError } from './post.ts'

/** Bounds how many connections one key has open at once. `take` waits for a place at most `timeoutMs`, and gives what leaves it, once; throws TransportError `unreachable` when none came free. */
export function createPlaces(most: number) {
  const open = new Map<string, number>()
  const waiting: { readonly key: string; readonly wake: () => void }[] = []

  const leave = (key: string) => {
    const left = (open.get(key) ?? 1) - 1
    if (left > 0) open.set(key, left)
    else open.delete(key)
    const index = waiting.findIndex((one) => one.key === key)
    if (index >= 0) waiting.splice(index, 1)[0]?.wake()
  }
  return {
    async take(key: string, timeoutMs: number): Promise<() => void> {
      const until = performance.now() + timeoutMs
      while ((open.get(key) ?? 0) >= most) await turn(key, until - performance.now())
      open.set(key, (open.get(key) ?? 0) + 1)
      let left = false
      return () => {
        if (!left) leave(key)
        left = true
      }
    },
  }

  function turn(key: string, ms: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const one = { key, wake: () => { clearTimeout(timer); resolve() } }
      const timer = setTimeout(() => {
        waiting.splice(waiting.indexOf(one), 1)
        reject(new TransportError('unreachable', 'no connection to the target came free'))
      }, Math.max(1, ms))
      waiting.push(one)
    })
  }
}
