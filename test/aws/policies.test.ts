import { policiesContract } from '../contract/policies.ts'
import { carriers, createRig } from '../contract/rig.ts'

for (const carrier of carriers) policiesContract(carrier, () => createRig(carrier))
