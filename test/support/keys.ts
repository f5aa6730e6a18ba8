import { Fault, type ContentKeys } from '../../functions/ports.ts'

/** Content keys in memory, and what a test does to them. The contract suite of test/contract/keys.ts judges them as it does the real ones. */
export function createMemoryKeys(): ContentKeys & { readonly rows: Map<string, Map<number, Uint8Array>>; readonly state: { broken: boolean; reads: number } } {
  const rows = new Map<string, Map<number, Uint8Array>>()
  const state = { broken: false, reads: 0 }
  const check = () => { if (state.broken) throw new Fault('store-unavailable', 'the keys are down') }
  return {
    rows, state,
    keep: async (sheet, slots) => {
      check()
      const there = rows.get(sheet)
      if (!there) rows.set(sheet, new Map([...slots].map(([slot, key]) => [slot, Uint8Array.from(key)])))
      else for (const [slot, key] of slots) if (Buffer.compare(there.get(slot) ?? new Uint8Array(), key) !== 0) throw new Fault('internal', 'another sheet has this id')
    },
    read: async (sheet) => { check(); state.reads++; return new Map(rows.get(sheet)) },
    destroy: async (sheet, slots) => {
      check()
      if (slots === 'all') rows.delete(sheet)
      else for (const slot of slots) rows.get(sheet)?.delete(slot)
    },
    sheets: async (day, limit) => { check(); return [...rows.keys()].filter((sheet) => sheet.startsWith(day)).slice(0, limit) },
  }
}
