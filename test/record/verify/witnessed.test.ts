import { createHash, createPrivateKey, sign as edSign } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { keyOf, parseNote, type Key, type NoteSigner } from '../../../functions/record/log/note.ts'
import { cosigned } from '../../../functions/record/witness.ts'
import { entriesOf, eventsOf } from '../log/sample.ts'
import { check, logOf } from './memory.ts'

const nowMs = Date.parse('2026-11-22T12:00:00.000Z')
interface Witness extends NoteSigner { readonly key: Key }
function witness(name: string, seed = name): Witness {
  const secret = createPrivateKey({ key: Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), createHash('sha256').update(seed).digest()]), format: 'der', type: 'pkcs8' })
  const publicKey = Buffer.from(secret.export({ format: 'jwk' }).x ?? '', 'base64url')
  return { name, key: keyOf(name, publicKey, 'cosignature/v1'), publicKey: async () => publicKey, sign: async (message) => edSign(null, message, secret) }
}
const [one, two, three] = [witness('w.example/1'), witness('w.example/2'), witness('w.example/3')]
const entries = entriesOf(eventsOf(300))
const { log, checkpoints: [smaller, head] } = await logOf(entries, [200, 300])
const by = async (bytes: Uint8Array, witness: Witness, agoMs = 0): Promise<Buffer> => cosigned(parseNote(bytes), witness, Math.floor((nowMs - agoMs) / 1000))
const demand = (keys: readonly Witness[], quorum = keys.length, maxAgeMs: number | null = null) => ({ keys: keys.map(({ key }) => key), quorum, maxAgeMs, nowMs })
async function judged(witnesses: ReturnType<typeof demand>, kept: readonly Uint8Array[] = [], own: Uint8Array = head!) {
  const { ok, witnesses: count, findings } = await check(new Map(log).set('checkpoint', Buffer.from(own)), { known: true, kept, witnesses })
  return { ok, count, reasons: findings.map(({ reason }) => reason) }
}

describe('witnesses of the checkpoint', () => {
  test('as many as are demanded, in the log\'s own file or in those that were kept of the same tree', async () => {
    expect(await judged(demand([one, two]), [await by(head!, two)], await by(head!, one))).toEqual({ ok: true, count: 2, reasons: [] })
    expect(await judged(demand([one, two, three], 2), [await by(head!, two), await by(head!, three)])).toEqual({ ok: true, count: 2, reasons: [] })
  })
  test('none, too few, one twice, one key under two names', async () => {
    expect(await judged(demand([one]))).toEqual({ ok: false, count: 0, reasons: ['0 of the 1 witnesses that are demanded have cosigned it in time: w.example/1 has not cosigned this tree'] })
    expect((await judged(demand([one, two]), [await by(head!, one), await by(head!, one, 1000)])).ok).toBe(false)
    const again = witness('w.example/other', 'w.example/1')
    expect(await judged(demand([one, again, two], 2), [await by(head!, one), await by(head!, again)])).toMatchObject({ ok: false, count: 1 })
  })
  test('one of a smaller tree has not seen the rest', async () => {
    expect(await judged(demand([one]), [await by(smaller!, one)])).toMatchObject({ ok: false, count: 0 })
  })
  test('too old, and of a time to come', async () => {
    const hour = 3_600_000
    expect(await judged(demand([one], 1, hour), [await by(head!, one, hour)])).toMatchObject({ ok: true })
    expect((await judged(demand([one], 1, hour), [await by(head!, one, hour + 1000)])).reasons).toEqual(['0 of the 1 witnesses that are demanded have cosigned it in time: w.example/1 saw it last at 2026-11-22T10:59:59.000Z'])
    expect(await judged(demand([one], 1, hour), [await by(head!, one, 2 * hour), await by(head!, one)])).toMatchObject({ ok: true })
    expect(await judged(demand([one], 1, hour), [await by(head!, one, -hour)])).toMatchObject({ ok: false })
  })
  test('a signature that says it is a witness\'s and is not', async () => {
    const thief = { ...witness('w.example/1', 'a thief'), publicKey: one.publicKey }
    expect(await judged(demand([one]), [await by(head!, thief)])).toMatchObject({ ok: false, count: 0 })
    expect(await judged(demand([one]), [], await by(head!, thief))).toMatchObject({ ok: false, reasons: ['a signature by a known key does not hold'] })
  })
  test('a log\'s key is no witness\'s, though it signed', async () => {
    const own = keyOf('w.example/1', await one.publicKey())
    expect(await judged({ ...demand([one]), keys: [own] }, [await by(head!, one)])).toMatchObject({ ok: false, count: 0 })
  })
})
