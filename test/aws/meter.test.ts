import { meterContract } from '../contract/meter.ts'
import { carriers, createRig } from '../contract/rig.ts'

for (const carrier of carriers) meterContract(carrier, () => createRig(carrier))
