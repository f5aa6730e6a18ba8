import * as z from 'zod'
import type { Event } from '../../schema/event.ts'
import type { Item } from './dynamo.ts'
import { readEvent } from './event.ts'

const records = z.looseObject({ Records: z.array(z.looseObject({ eventSource: z.literal('aws:dynamodb'), dynamodb: z.looseObject({ NewImage: z.record(z.string(), z.unknown()).optional() }) })) })

/** The events of the record that a batch of its stream tells of, as stored; null: what came is no batch of a stream. What is no event (the days there are), or cannot be read, is left to the next look. */
export function imagesOf(batch: unknown): readonly Event[] | null {
  const read = records.safeParse(batch)
  if (!read.success) return null
  return read.data.Records.flatMap(({ dynamodb: { NewImage: image } }) => {
    const item = image as Item | undefined
    if (!item?.['sk']?.S?.startsWith('evt_')) return []
    try {
      return [readEvent(item)]
    } catch {
      return []
    }
  })
}
