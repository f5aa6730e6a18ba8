import { indexBy } from './aws/indexed.ts'
import { createSecrets, speak } from './aws/lambda.ts'
import { createRecord } from './aws/ports.ts'
import { imagesOf } from './aws/stream.ts'
import { createCatalogue } from './catalogue.ts'
import { createHints } from './hint.ts'
import { createLengthening } from './lengthen.ts'
import { createSequencer } from './sequence.ts'

/**
 * AWS Lambda that writes the log. The record's stream wakes it with what was just stored, a schedule each minute: then it looks through the record itself, so that nothing rests on a stream that
 * may lose, repeat or reorder. Two of it at once are safe (commit.ts). What it throws is tried again, and found by the next look.
 */
const { log, locking, sealed, ledger, now } = createRecord(speak)
if (log === null || locking === null) throw new Error('SLUICE_LOG_NAME, SLUICE_LOG_KEY and SLUICE_LOG_BUCKET must say where the log is')
const hints = createHints()
const index = indexBy(createSecrets())
const catalogue = index && createCatalogue({ now, alarm: speak, ledger, log, shelf: index.shelf })
const sequencer = createSequencer({ now, alarm: speak, ledger: sealed, log }, hints)
const lengthening = createLengthening({ now, log, term: locking.term }, locking.mostMs)
const messageOf = (error: unknown): string => error instanceof Error ? error.message : 'unknown'

export async function handler(event: unknown): Promise<void> {
  const images = imagesOf(event)
  for (const image of images ?? []) hints.hint(image)
  await sequencer.round()
  if (images === null || sequencer.isBehind()) await sequencer.reconcile()
  // The index rests on the log and is made again from it, so its failure keeps nothing from being logged.
  await catalogue?.follow().catch((error: unknown) => speak('the index does not follow the log', { error: messageOf(error) }))
  // Nor does a lock that is lengthened a minute later.
  if (images === null) await lengthening.run().catch((error: unknown) => speak('locks of the log are not lengthened', { error: messageOf(error) }))
}
