import type { Search, Secrets, Shelf } from '../ports.ts'

/**
 * The index of the record where a deployment has one: `SLUICE_INDEX` says so, and the secret `sluice-index` is its connection string. Opened at its first use, and again when the secret is
 * another; driver and tables are read only then. Throws Fault secret-missing or store-unavailable from every call, and answers nothing that it does not know.
 */
export function indexBy(secrets: Secrets, env: Readonly<Record<string, string | undefined>> = process.env): { readonly search: Search; readonly shelf: Shelf } | null {
  if (!env['SLUICE_INDEX']) return null
  let open: { readonly url: string; readonly search: Search; readonly shelf: Shelf } | null = null
  async function opened() {
    const url = await secrets.get('sluice-index')
    if (open?.url === url) return open
    const [{ createSearch }, { createShelf }] = await Promise.all([import('./search.ts'), import('./shelf.ts')])
    return open = { url, search: createSearch({ url, endpoint: null }), shelf: createShelf({ url, endpoint: null }) }
  }
  return {
    search: { find: async (...call) => (await opened()).search.find(...call), indexed: async () => (await opened()).search.indexed() },
    shelf: { open: async () => (await opened()).shelf.open(), add: async (...call) => (await opened()).shelf.add(...call), clear: async () => (await opened()).shelf.clear() },
  }
}
