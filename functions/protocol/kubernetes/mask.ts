import type { Json } from '../json.ts'
import { maskList } from './list.ts'
import { maskLines } from '../lines.ts'
import type { Masker } from '../masker.ts'
import type { How } from './plan.ts'
import { Unmaskable } from './scan.ts'
import { createShape, type Shape } from './shape.ts'
import { maskWatch } from './watch.ts'

/** An answer that is read to its end first may have this many bytes; larger ones are lists, and stream. */
const maxWholeBytes = 16 * 1024 * 1024
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** See Masker. Chosen by what was asked and how the target answered; an answer of a form that cannot be masked throws, and nothing of it leaves. */
export function createMasker(how: How): Masker {
  const { plan, status, contentType } = how
  const good = status < 400
  if (!plan.attributes.isResource) return good ? passed() : maskWhole(createShape(how))          // types and versions, no objects
  if (good && (plan.form === 'log' || plan.form === 'exec')) return maskLines(how.obligations.detect, { cut: how.cut === true || (plan.form === 'log' && /[?&]limitBytes=/.test(plan.target)) })
  if (contentType !== 'application/json' && !(good && status === 204)) return contentType.startsWith('text/plain') && !good ? maskWords(how) : refused()
  const shape = createShape(how)
  if (good && plan.form === 'watch') return maskWatch(shape)
  return good && plan.form === 'list' ? maskList(shape) : maskWhole(shape)
}

function maskWhole(shape: Shape): Masker {
  const parts: Uint8Array[] = []
  let [length, items] = [0, 0]
  return {
    write(chunk) {
      length += chunk.byteLength
      if (length > maxWholeBytes) throw new Unmaskable('the answer is too large')
      parts.push(chunk.slice())
      return new Uint8Array()
    },
    end() {
      const text = utf8.decode(Buffer.concat(parts))
      if (text.trim() === '') return new Uint8Array()
      items = 1
      return Buffer.from(shape.document(text))
    },
    get items() { return items },
    get detected() { return shape.detected },
  }
}

/** Words with which the server refuses before it knows what was asked; about an object with a class they may quote it. */
function maskWords(how: How): Masker {
  return how.effects.shown.some((_, index) => how.obligations.masks[index] !== null) ? refused() : maskLines(how.obligations.detect)
}
const refused = (): Masker => ({ write() { throw new Unmaskable('an answer of another form') }, end() { throw new Unmaskable('an answer of another form') }, items: 0, detected: {} })
const passed = (): Masker => ({ write: (chunk) => chunk, end: () => new Uint8Array(), items: 0, detected: {} })

/** One whole object (of a preview, of a diff) masked; the same value where nothing is. Throws where it cannot. */
export function maskObject(value: Json, how: Pick<How, 'plan' | 'effects' | 'obligations' | 'maskKey'>): Json {
  const text = JSON.stringify(value)
  const shown = createShape(how).document(text)
  return shown === text ? value : JSON.parse(shown) as Json
}
