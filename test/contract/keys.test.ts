import { createMemoryKeys } from '../support/keys.ts'
import { keysContract } from './keys.ts'

keysContract('memory', async () => {
  const keys = createMemoryKeys()
  return { keys, other: () => keys, close: async () => {} }
})
