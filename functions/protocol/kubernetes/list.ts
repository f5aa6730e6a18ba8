import { createPieces } from './pieces.ts'
import type { Masker } from '../masker.ts'
import { Unmaskable } from './scan.ts'
import type { Shape } from './shape.ts'

/** Members a list or a table has beside its elements. What has others is no list, and is not passed on. */
const known: ReadonlySet<string> = new Set(['kind', 'apiVersion', 'metadata', 'items', 'rows', 'columnDefinitions'])
type Awaited = 'open' | 'name' | 'colon' | 'value' | 'first' | 'element' | 'comma' | 'next' | 'end'

/** A list as it comes, item by item: no more of it is kept than one item. White space between values is not passed on. */
export function maskList(shape: Shape): Masker {
  const pieces = createPieces()
  const names = new Set<string>()
  let [awaited, name, first, items]: [Awaited, string, boolean, number] = ['open', '', true, 0]
  const expect = (byte: number, ...wanted: readonly number[]) => { if (!wanted.includes(byte)) throw new Unmaskable('not a list'); pieces.skip() }

  function step(out: string[]): boolean {
    const byte = pieces.peek()
    if (byte === -1) return false
    switch (awaited) {
      case 'open': expect(byte, 0x7b); out.push('{'); awaited = 'name'; return true
      case 'name': {
        if (byte === 0x7d && first) { awaited = 'end'; pieces.skip(); out.push('}'); return true }
        if (byte !== 0x22) throw new Unmaskable('a member has no name')
        const text = pieces.take()
        if (text === null) return false
        name = String(JSON.parse(text))
        if (!known.has(name) || names.has(name)) throw new Unmaskable('a list has other members')
        names.add(name)
        out.push(`${first ? '' : ','}${text}`)
        first = false
        awaited = 'colon'
        return true
      }
      case 'colon': expect(byte, 0x3a); out.push(':'); awaited = 'value'; return true
      case 'value': {
        if ((name === 'items' || name === 'rows') && byte === 0x5b) { pieces.skip(); out.push('['); awaited = 'first'; return true }
        const text = pieces.take()
        if (text === null) return false
        out.push(shape.member(name, text))
        awaited = 'next'
        return true
      }
      case 'first': {
        if (byte === 0x5d) { pieces.skip(); out.push(']'); awaited = 'next' } else awaited = 'element'
        return true
      }
      case 'element': {
        const text = pieces.take()
        if (text === null) return false
        out.push(shape.element(name, text))
        items++
        awaited = 'comma'
        return true
      }
      case 'comma': {
        expect(byte, 0x2c, 0x5d)
        out.push(byte === 0x2c ? ',' : ']')
        awaited = byte === 0x2c ? 'element' : 'next'
        return true
      }
      case 'next': {
        expect(byte, 0x2c, 0x7d)
        if (byte === 0x7d) out.push('}')
        awaited = byte === 0x2c ? 'name' : 'end'
        return true
      }
      case 'end': throw new Unmaskable('text behind the end')
    }
  }
  return {
    write(chunk) {
      pieces.add(chunk)
      const out: string[] = []
      while (step(out)) { /* as far as it goes */ }
      return Buffer.from(out.join(''))
    },
    end() {
      if (awaited !== 'end') throw new Unmaskable('the list has no end')
      return Buffer.from('\n')
    },
    get items() { return items },
    get detected() { return shape.detected },
  }
}
