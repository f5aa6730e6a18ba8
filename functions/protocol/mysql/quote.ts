import type { BytesLiteral, Name, StringLiteral } from './ast.ts'

/** Names, text and bytes as no setting of the server reads in another way. */
export const quoteName = ({ text }: Pick<Name, 'text'>): string => `\`${text.replaceAll('`', '``')}\``

/** Of the characters that every character set a client may have puts in the same place, and no backslash, which one sql_mode reads and another does not. */
export const isPlain = (text: string): boolean => /^[ -[\]-~]*$/.test(text)

/** Anything else goes as bytes that are told to be UTF-8. */
export function quoteText(value: StringLiteral['value']): string {
  return isPlain(value) ? `'${value.replaceAll("'", "''")}'` : `_utf8mb4 X'${Buffer.from(value).toString('hex').toUpperCase()}'`
}

/** Where the grammar wants a text and no introducer: a separator. */
export const quoteBare = (value: string): string => (isPlain(value) ? quoteText(value) : `X'${Buffer.from(value).toString('hex').toUpperCase()}'`)

export function quoteBytes({ hex, hybrid }: Pick<BytesLiteral, 'hex' | 'hybrid'>): string {
  if (!/^(?:[0-9A-F]{2})*$/.test(hex)) throw new Error('bytes of the tree are not hex')
  return hybrid && hex !== '' ? `0x${hex}` : `X'${hex}'`
}
