import type { Protocol } from './protocol.ts'

/**
 * An engine that is loaded with its first statement, for functions that mostly have other things to do: a cold start then reads no grammar and no driver. Nothing is masked before
 * something was executed, so `mask` finds it there. A load that failed is tried again. `granting`: loads an engine that has grants of its own; `reading`: one whose callers speak its own protocol.
 */
export function later(load: () => Promise<Protocol>, ...parts: readonly ('granting' | 'reading')[]): Protocol {
  let loading: Promise<Protocol> | null = null
  let loaded: Protocol | null = null
  const engine = (): Promise<Protocol> => loading ??= load().then((it) => loaded = it).catch((error: unknown) => { loading = null; throw error })
  return {
    classify: async (...call) => (await engine()).classify(...call),
    execute: async (...call) => (await engine()).execute(...call),
    mask(...call) {
      if (loaded === null) throw new TypeError('rows of an engine that is not there')
      return loaded.mask(...call)
    },
    describe: async (...call) => (await engine()).describe(...call),
    inspect: async (...call) => (await engine()).inspect(...call),
    ping: async (...call) => (await engine()).ping?.(...call),
    estimate: async (...call) => await (await engine()).estimate?.(...call) ?? call[1].statements.map(() => null),
    ...(parts.includes('granting') && { grants: async (...call: Parameters<NonNullable<Protocol['grants']>>) => {
      const { grants } = await engine()
      if (!grants) throw new TypeError('an engine without grants of its own')
      return grants(...call)
    } }),
    ...(parts.includes('reading') && { read: async (...call: Parameters<NonNullable<Protocol['read']>>) => {
      const { read } = await engine()
      if (!read) throw new TypeError('an engine without a protocol of its own')
      return read(...call)
    } }),
    close: async () => { await loaded?.close() },
  }
}
