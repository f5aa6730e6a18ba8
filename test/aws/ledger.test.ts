import { ledgerContract } from '../contract/ledger.ts'
import { carriers, createRig } from '../contract/rig.ts'
import { scanContract } from '../contract/scan.ts'
import { unsettledContract } from '../contract/unsettled.ts'

for (const contract of [ledgerContract, scanContract, unsettledContract]) for (const carrier of carriers) contract(carrier, () => createRig(carrier))
