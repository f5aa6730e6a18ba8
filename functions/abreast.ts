/** So many at once: calls of a store, each of which takes a round trip. */
const most = 16

/** What `run` gives for each, in their order. Throws what the first that failed threw, when none is under way any more. */
export async function abreast<T, R>(all: readonly T[], run: (one: T) => Promise<R>): Promise<readonly R[]> {
  const given: R[] = []
  const next = all.entries()
  const done = await Promise.allSettled(Array.from({ length: Math.min(most, all.length) }, async () => { for (const [at, one] of next) given[at] = await run(one) }))
  for (const one of done) if (one.status === 'rejected') throw one.reason
  return given
}
