import { ledgerContract } from '../contract/ledger.ts'
import { carriers, createRig } from '../contract/rig.ts'

for (const carrier of carriers) ledgerContract(carrier, () => createRig(carrier))
