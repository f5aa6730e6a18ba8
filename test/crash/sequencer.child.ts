import { createStores } from '../../functions/aws/ports.ts'
import { createHints } from '../../functions/hint.ts'
import { createObjects } from '../../functions/local/objects.ts'
import { keepSigner } from '../../functions/local/signer.ts'
import { publishing } from '../../functions/publish.ts'
import { createSequencer } from '../../functions/sequence.ts'
import { createMortality } from './mortal.ts'

/** A sequencer that dies at a boundary of its own, or lives through one look and tells how many boundaries there were. */
const { dynamo, directory, name, killAt } = JSON.parse(process.argv[2] ?? '{}') as { dynamo: { url: string; credentials: { accessKeyId: string; secretAccessKey: string } }; directory: string; name: string; killAt: number }
const { boundary, mortal } = createMortality(killAt)
const stores = createStores({ region: 'local', endpoint: dynamo.url, credentials: dynamo.credentials })
const objects = createObjects(`${directory}/log`)
const log = { signer: mortal(await keepSigner(directory, name)), objects: mortal(objects), store: publishing(mortal(objects), mortal(stores.logStore)) }
const sequencer = createSequencer({ now: Date.now, ledger: mortal(stores.ledger), alarm: (what) => process.stdout.write(`alarm: ${what}\n`), log }, createHints())
process.send?.('ready')
const added = await sequencer.reconcile()
process.stdout.write(JSON.stringify({ boundary: boundary(), added }))
process.exit(0)
