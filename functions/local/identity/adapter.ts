/** Sign-ins in progress, codes and grants. Nothing here is worth keeping over a restart; past the bound the oldest goes. */
const maxEntries = 2000
type Payload = Readonly<Record<string, unknown>>
interface Entry { payload: Payload; readonly expiresAt: number }

/** The storage interface of oidc-provider, in memory: as its own, less the advice to replace it and with a bound. One class a provider. */
export function createAdapter() {
  const entries = new Map<string, Entry>()
  const live = (key: string): Entry | undefined => {
    const entry = entries.get(key)
    if (entry && entry.expiresAt > Date.now()) return entry
    entries.delete(key)
    return undefined
  }
  return class Adapter {
    readonly model: string
    constructor(model: string) {
      this.model = model
    }
    async upsert(id: string, payload: Payload, expiresInSeconds: number): Promise<void> {
      entries.set(`${this.model}:${id}`, { payload, expiresAt: Date.now() + expiresInSeconds * 1000 })
      const oldest = entries.keys().next()
      if (entries.size > maxEntries && !oldest.done) entries.delete(oldest.value)
    }
    async find(id: string): Promise<Payload | undefined> {
      return live(`${this.model}:${id}`)?.payload
    }
    async findByUid(uid: string): Promise<Payload | undefined> {
      return [...entries].find(([key, { payload }]) => key.startsWith(`${this.model}:`) && payload['uid'] === uid)?.[1].payload
    }
    async findByUserCode(): Promise<undefined> {
      return undefined
    }
    async consume(id: string): Promise<void> {
      const entry = live(`${this.model}:${id}`)
      if (entry) entry.payload = { ...entry.payload, consumed: Math.floor(Date.now() / 1000) }
    }
    async destroy(id: string): Promise<void> {
      entries.delete(`${this.model}:${id}`)
    }
    /** A code used twice takes everything with it that came from it. */
    async revokeByGrantId(grantId: string): Promise<void> {
      for (const [key, { payload }] of entries) if (payload['grantId'] === grantId) entries.delete(key)
    }
  }
}
