/** Reading JSON that somebody else wrote: each access says what it expects, and gets an empty one where it is not that. */
export const object = (value: unknown): Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null && !Array.isArray(value) ? value as Readonly<Record<string, unknown>> : {}
export const list = (value: unknown): readonly unknown[] => Array.isArray(value) ? value : []
export const text = (value: unknown): string => typeof value === 'string' ? value : ''
