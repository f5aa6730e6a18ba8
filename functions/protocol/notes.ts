import type { Access, Used } from '../../schema/effects.ts'
import type { ActionName } from '../../schema/policy.ts'
import type { Span } from '../../schema/refusal.ts'
import { unsupported, withheld, type Refused } from './refused.ts'
import type { Size } from './size.ts'
import { Scales } from './weight.ts'
import type { Texts, Written } from './writeback.ts'

type Tag = Pick<Used, 'dataClass' | 'resource' | 'column'>
type Noted = Omit<Access, 'statement' | 'columns'> & { readonly columns: Set<string> | null }
export interface Handle { read(column: string): void }

/** What all FROM items and select lists of a statement may bring: forty CTEs that each name the one before twice are 2^40 columns. */
const maxColumns = 100_000
/** Names looked up, nodes gone through, constants followed: what an ordinary statement needs some hundred of. A gate that thinks about one statement for seconds answers nobody else. */
const maxSteps = 400_000

/**
 * What one statement was found to do, as far as it is the same for every SQL engine: what it accesses, which classified columns it uses and how, what may be written through it, how much of it there is. An engine's Findings
 * (effects.ts) add what that engine alone looks for.
 */
export class Notes {
  readOnly = true
  readonly #isSystem: (schema: string) => boolean
  readonly #accesses = new Map<string, Noted>()
  readonly #used = new Map<string, Used>()
  /** While a view's select list is read: what an expression is computed from belongs to that output, not to the statement. */
  sink: Tag[] | null = null
  /** What views compute that may tell: a statement that writes or locks takes whole rows of them, asked for or not. */
  readonly computing: Tag[] = []
  /** Whether a column that holds or shows classified data was named at all, also where no value of it can tell anything: the server asks for the right to read it. */
  classifiedRead = false
  /** While an expression that gives a column its value is read: the constants and parameters in it. null: nobody asks. */
  texts: Map<string | number, Span | null> | null = null
  readonly written: Written[] = []
  readonly scales = new Scales()
  /** How large each expression may be, by its node. */
  readonly sizes = new Map<object, Size>()
  readonly #maxList: number
  #columns = 0
  #steps = 0

  /** `isSystem`: whether a schema is the server's own, which `*` in a rule never means. `maxList`: as many as the server takes in one select list. */
  constructor(isSystem: (schema: string) => boolean, maxList: number) {
    this.#isSystem = isSystem
    this.#maxList = maxList
  }

  access(action: ActionName, schema: string, name: string, { via }: { readonly via: readonly string[] }, span: Span | null, columns: boolean, part = false): Handle {
    if (schema.includes('.') || name.includes('.')) throw unsupported('ambiguous_name', 'a name with a dot in it cannot be told apart in a policy', span)
    const resource = `${schema}.${name}`
    const key = JSON.stringify([action, resource, via, part])
    let noted = this.#accesses.get(key)
    if (!noted) this.#accesses.set(key, noted = { action, resource, columns: columns ? new Set() : null, system: this.#isSystem(schema), via, span, ...(part ? { part: true as const } : {}) })
    const { columns: read } = noted
    return { read: (column) => { read?.add(column) } }
  }
  use(tags: readonly Tag[], how: string, span: Span | null): void {
    if (this.sink) { this.sink.push(...tags); return }
    this.useNow(tags, how, span)
  }
  /** Whatever is being read: of a view too, this belongs to the statement. */
  useNow(tags: readonly Tag[], how: string, span: Span | null): void {
    this.step(tags.length)
    for (const tag of tags) {
      const key = JSON.stringify([tag.dataClass, tag.resource, tag.column, how, span?.start])
      if (!this.#used.has(key)) this.#used.set(key, { ...tag, statement: 0, how, span })
    }
  }
  back(use: Used): void {
    this.#used.set(JSON.stringify([use.dataClass, use.resource, use.column, use.back, use.span?.start]), use)
  }
  /** A constant, or a parameter, is in the value that is being read. */
  text(text: string | number, span: Span | null): void {
    this.texts?.set(text, span)
  }
  /** A column whose value may be a constant gives it to the value it stands in. */
  carry(cols: readonly { readonly texts?: Texts }[]): void {
    if (this.texts) for (const { texts } of cols) this.#join(this.texts, texts)
  }
  /** Both, of two columns that become one. */
  joined(...all: readonly (Texts | undefined)[]): Texts {
    const [one, ...others] = all.filter((texts) => texts !== undefined && texts.size > 0)
    if (one === undefined || others.length === 0) return one ?? new Map()
    const both = new Map<string | number, Span | null>()
    for (const texts of [one, ...others]) this.#join(both, texts)
    return both
  }
  #join(into: Map<string | number, Span | null>, texts: Texts | undefined): void {
    this.step(texts?.size ?? 0)
    for (const [text, span] of texts ?? []) into.set(text, span)
  }
  /** The constants and parameters that `work` puts into a value; those of whatever is around it are not touched. */
  textsOf<T>(work: () => T): readonly [T, Texts] {
    const inner = new Map<string | number, Span | null>()
    return [this.#reading(inner, work), inner]
  }
  /** Without them: a constant in a WHERE in here is no part of the value that comes out. Those that are come with the columns. */
  textless<T>(work: () => T): T {
    return this.#reading(null, work)
  }
  #reading<T>(texts: Notes['texts'], work: () => T): T {
    const outer = this.texts
    this.texts = texts
    const result = work()
    this.texts = outer
    return result
  }
  /** Called before work that grows with what the statement says. */
  step(count: number): void {
    this.#steps += count
    if (this.#steps > maxSteps) throw withheld('too_wide', 'the statement takes too long to understand; name fewer columns and tables in it, or send several', null)
  }
  get steps(): number { return this.#steps }
  /** Called before `count` more columns are gone through. */
  bring(count: number, span: Span | null): void {
    this.#columns += count
    if (this.#columns > maxColumns) throw withheld('too_wide', `the statement goes through more than ${maxColumns} columns; name the ones you need`, span)
  }
  list(count: number, span: Span | null): void {
    if (count > this.#maxList) throw withheld('too_wide', `a select list has at most ${this.#maxList} entries`, span)
  }
  get accesses(): Access[] {
    return [...this.#accesses.values()].map(({ columns, ...rest }) => ({ ...rest, columns: columns ? [...columns].sort() : null, statement: 0 }))
  }
  get used(): Used[] { return [...this.#used.values()] }
}

/** A call of what another server has, with what serves here. By the name alone, whether there is such a function or not: a hint must not tell. */
export function hinted(access: Access, insteadOf: (name: string) => string | undefined): Access {
  const instead = access.action === 'call' && !access.system && access.via.length === 0 ? insteadOf(access.resource.slice(access.resource.indexOf('.') + 1)) : undefined
  return instead === undefined ? access : { ...access, instead }
}

/** A column that nobody has looked at may be read and set by nobody. Of one behind a view, only the view is named. */
export function unlooked({ schema, name }: { readonly schema: string; readonly name: string }, column: string, { via: [view] }: { readonly via: readonly string[] }): Refused {
  const what = view === undefined ? `\`${column}\` of \`${schema}.${name}\`` : `a column that \`${view}\` reads`
  return withheld('column_unclassified', `${what} came after the policy was applied and nobody has said what it holds; name other columns, until the connection's \`classify\` gives it a class or \`none\``, null)
}
