/**
 * What a person reads must be what is there: text of strangers may hold escape sequences that repaint a terminal, or marks that reorder what is read.
 * Everything that is not a mark on paper is shown as an escape: controls (C0, DEL, C1), line and paragraph separators, bidirectional controls,
 * zero-width and other format characters, whatever Unicode says is drawn as nothing (fillers, variation selectors, tags, also where no character is assigned yet), private use, noncharacters, lone surrogates.
 */
export const unseen = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cs}\p{Default_Ignorable_Code_Point}\p{Noncharacter_Code_Point}\u{2800}]/gu
const named: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }

export const visible = (text: string): string =>
  text.replace(unseen, (mark) => named[mark] ?? `\\u{${(mark.codePointAt(0) ?? 0).toString(16)}}`)
