/** So many at once: calls of a store, each of which takes a round trip. */
const usual = 16

/** What `run` gives for each, in their order. Throws what the first that failed threw, when none is under way any more. */
export async function abreast<T, R>(all: readonly T[], run: (one: T) => Promise<R>, most = usual): Promise<readonly R[]> {
  const given: R[] = []
  const next = all.entries()
  await together(Array.from({ length: Math.min(most, all.length) }, async () => { for (const [at, one] of next) given[at] = await run(one) }))
  return given
}

/** What all of them give. Throws what the first that failed threw, when none is under way any more: so nothing goes on behind whoever tries again. */
export async function together<const P extends readonly Promise<unknown>[]>(all: P): Promise<{ -readonly [K in keyof P]: Awaited<P[K]> }> {
  await Promise.allSettled(all)
  return Promise.all(all)
}
