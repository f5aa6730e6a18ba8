import { idempotencyContract } from '../contract/idempotency.ts'
import { carriers, createRig } from '../contract/rig.ts'

for (const carrier of carriers) idempotencyContract(carrier, () => createRig(carrier))
