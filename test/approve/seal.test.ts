import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { seal, unseal } from '../../functions/approve/seal.ts'
import type { AccessRequest } from '../../schema/approval.ts'
import { asked, saying } from './asked.ts'

const secret = randomBytes(32).toString('base64')
const request = asked()
const { bound } = request
const damaged = { code: 'store-unavailable' }

describe('a kept answer', () => {
  test('opens for its request, whatever was in it', () => {
    fc.assert(fc.property(fc.string({ unit: 'grapheme', maxLength: 300 }), (text) => { expect(unseal(secret, request, seal(secret, request, text))).toBe(text) }), { numRuns: 200 })
  })
  test('looks different each time, and tells nothing but its length', () => {
    const [one, two] = [seal(secret, request, 'canary canary'), seal(secret, request, 'canary canary')]
    expect(Buffer.from(one).equals(Buffer.from(two))).toBe(false)
    expect(Buffer.from(one).toString('latin1')).not.toContain('canary')
    expect(one.byteLength).toBe('canary canary'.length + 28)
  })
  test.each([
    ['another request', { ...request, id: 'arq_01KAQZ0000AAAAAAAAAAAAAAB0' }, secret], ['another subject', { ...request, bound: { ...bound, subject: { ...bound.subject, id: 'agent:clerk' } } }, secret],
    ['another issuer', { ...request, bound: { ...bound, issuer: 'okta' } }, secret], ['an actor', { ...request, bound: { ...bound, actors: [bound.subject] } }, secret], ['another statement', { ...request, bound: { ...bound, ...saying('select 1') } }, secret], ['another key', request, randomBytes(32).toString('base64')],
    ['a key that begins the same', request, Buffer.concat([Buffer.from(secret, 'base64'), Buffer.from([0])]).toString('base64')],
  ] as const)('does not open with %s', (_, of, key) => {
    expect(() => unseal(key, of as AccessRequest, seal(secret, request, 'rows'))).toThrow(expect.objectContaining(damaged))
  })
  test('does not open with any bit another', () => {
    const sealed = seal(secret, request, 'rows')
    for (let bit = 0; bit < sealed.byteLength * 8; bit++) {
      const bytes = Uint8Array.from(sealed)
      bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      expect(() => unseal(secret, request, bytes), `bit ${bit}`).toThrow(expect.objectContaining(damaged))
    }
  })
  test('does not open cut short, made longer, or empty', () => {
    const sealed = seal(secret, request, 'rows')
    for (let length = 0; length < sealed.byteLength; length++) expect(() => unseal(secret, request, sealed.subarray(0, length)), `${length}`).toThrow(expect.objectContaining(damaged))
    expect(() => unseal(secret, request, Buffer.concat([sealed, Buffer.from([0])]))).toThrow(expect.objectContaining(damaged))
    expect(() => unseal(secret, request, Buffer.concat([Buffer.from([0]), sealed]))).toThrow(expect.objectContaining(damaged))
  })
  test.each([['nothing', ''], ['31 bytes', randomBytes(31).toString('base64')], ['a word', 'secret'], ['no base64', '!'.repeat(80)]])('is neither made nor opened with a secret of %s', (_, weak) => {
    const missing = expect.objectContaining({ code: 'secret-missing' })
    expect(() => seal(weak, request, 'rows')).toThrow(missing)
    expect(() => unseal(weak, request, seal(secret, request, 'rows'))).toThrow(missing)
  })
})
