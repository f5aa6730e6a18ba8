/**
 * Every function of the object, and of objects in it, counts twice: when it is called, and when what it promised is there. At boundary `killAt` the
 * process kills itself with SIGKILL, so nothing is flushed and nobody is told; 0: it lives.
 */
export function createMortality(killAt: number): { readonly boundary: () => number; mortal<T extends object>(target: T): T } {
  let boundary = 0
  function pass(): void {
    if (++boundary === killAt) process.kill(process.pid, 'SIGKILL')
  }
  function mortal<T extends object>(target: T): T {
    return new Proxy(target, {
      get(object, name, receiver) {
        const value: unknown = Reflect.get(object, name, receiver)
        if (typeof value === 'function' && typeof name === 'string' && !['now', 'id', 'alarm'].includes(name)) {
          return (...args: unknown[]) => {
            pass()
            const result: unknown = Reflect.apply(value, object, args)
            if (result instanceof Promise) return result.then((settled) => { pass(); return settled })
            pass()
            return result
          }
        }
        return value
      },
    })
  }
  return { boundary: () => boundary, mortal }
}
