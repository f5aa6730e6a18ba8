import type { Bundle } from '../../schema/policy.ts'
import { cel } from './cel.ts'
import { assemble, documentsOf, type Policy } from './policy.ts'

/** `prepare` of policy.ts, at once: for whoever is in no hurry to begin, and has conditions at hand. */
export const compile = (bundle: Bundle): Policy => assemble(bundle, documentsOf(bundle), cel)
