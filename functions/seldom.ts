/**
 * What most processes never need: loaded with the first call that does, and no more after that. Reading, compiling and running it would else be a part of every cold start. A load that failed is tried again by the next call.
 */
export function seldom<T>(load: () => Promise<T>): () => Promise<T> {
  let loading: Promise<T> | null = null
  return () => loading ??= load().catch((error: unknown) => { loading = null; throw error })
}
