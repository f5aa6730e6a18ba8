/** What the API server keeps: plain JSON, never changed in place. */
export type Fields = Readonly<Record<string, unknown>>
export interface Metadata extends Fields {
  readonly name: string
  readonly namespace?: string
  readonly uid: string
  readonly resourceVersion: string
  readonly generation?: number
  readonly creationTimestamp: string
  readonly deletionTimestamp?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
}
export interface Item extends Fields { readonly apiVersion: string; readonly kind: string; readonly metadata: Metadata }

export const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value)
export const fields = (value: unknown): Fields => isFields(value) ? value : {}
export const list = (value: unknown): readonly unknown[] => Array.isArray(value) ? value : []
export const text = (value: unknown): string => typeof value === 'string' ? value : ''
export const count = (value: unknown, otherwise = 0): number => typeof value === 'number' ? value : otherwise
/** The value at a path of keys; undefined where there is none. */
export const at = (value: unknown, ...path: readonly string[]): unknown => path.reduce<unknown>((inner, key) => Object.hasOwn(fields(inner), key) ? fields(inner)[key] : undefined, value)
/** The same object with the value at that path; undefined takes it away. */
export function withAt<T extends Fields>(value: T, path: readonly string[], to: unknown): T {
  const [key, ...rest] = path
  if (key === undefined) return value
  const next = rest.length === 0 ? to : withAt(fields(value[key]), rest, to)
  if (next !== undefined) return { ...value, [key]: next }
  const { [key]: _gone, ...others } = value as Record<string, unknown>
  return others as T
}
/** Equal whatever the order of keys. */
export function same(one: unknown, other: unknown): boolean {
  if (Array.isArray(one)) return Array.isArray(other) && one.length === other.length && one.every((value, index) => same(value, other[index]))
  if (!isFields(one)) return one === other
  if (!isFields(other)) return false
  const keys = Object.keys(one)
  return keys.length === Object.keys(other).length && keys.every((key) => Object.hasOwn(other, key) && same(one[key], other[key]))
}
