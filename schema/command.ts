/**
 * A command is a list of words (argv), and is asked for, matched by rules, approved and recorded as one line of text: the line that the shell of the host gets (sshd hands it to `sh -c`). Line and words are two forms of
 * one thing: each list has one line, each line that is read here one list, and a shell makes of the line exactly these words (POSIX.1-2024, Shell Command Language 2.2).
 */
export const maxWords = 256
export const maxWordBytes = 8192

/** Words that need no quotes anywhere: nothing in them means anything to a shell, also not at their beginning (`=ls` of zsh, `~`) and not in the first place (`A=b`). */
const bare = /^(?:[A-Za-z0-9_./][A-Za-z0-9_./:,@%+-]*|-[A-Za-z0-9_./:,@%+=-]*)$/
/** In the first place these are grammar, not programs. */
const reserved: ReadonlySet<string> = new Set(['case', 'coproc', 'do', 'done', 'elif', 'else', 'end', 'esac', 'fi', 'for', 'foreach', 'function', 'if', 'in', 'namespace', 'nocorrect', 'repeat', 'select', 'switch', 'then', 'time', 'until', 'while'])
/** What no word may hold: controls, line ends, half characters; and the backslash, which inside quotes is itself to some shells and not to others. */
const impossible = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\\]/u

/** What is wrong with a word, or null. Lower case, for a person. */
export function wrongWord(word: string): string | null {
  if (impossible.test(word)) return 'holds a control character, a line end or a backslash, which no argument may'
  return Buffer.byteLength(word) > maxWordBytes ? `is over ${maxWordBytes} bytes` : null
}

/** Inside quotes csh still puts in for `!` what was typed before, `!#` the line itself with the quotes turned round: `csh -c "printf '; id; ' '!#'"` runs `id`. Behind a backslash it is itself to every shell. */
const quoted = (word: string): string => `'${word.replace(/['!]/g, '\'\\$&\'')}'`
/** Throws RangeError for what is no command: no words, or words that none may have. */
export function commandLine(words: readonly string[]): string {
  const wrong = words.length === 0 || words[0] === '' || words[0]?.startsWith('-') ? 'names no program' : words.map(wrongWord).find((why) => why !== null)
  if (wrong) throw new RangeError(`the command ${wrong}`)
  return words.map((word, i) => (bare.test(word) && !(i === 0 && reserved.has(word)) ? word : quoted(word))).join(' ')
}

/** The words of a line that `commandLine` made; null for any other text, also for one that a shell would read the same. */
export function commandWords(line: string): readonly string[] | null {
  const words: string[] = []
  const word = /(?:[^\s'\\]+|'[^']*'|\\['!])+/y
  for (let at = 0; at < line.length; at = word.lastIndex + 1) {
    word.lastIndex = at
    const [text] = word.exec(line) ?? []
    if (text === undefined || (word.lastIndex < line.length && line[word.lastIndex] !== ' ')) return null
    words.push(text.replace(/'([^']*)'|\\(['!])/g, '$1$2'))
  }
  try {
    return commandLine(words) === line ? words : null
  } catch {
    return null
  }
}

/**
 * What one `*` of a rule stands for: one argument that means nothing to a shell and is read as a value by the program. So no option (`-H root@elsewhere` would be another command; `+!id` is one to editors and pagers), no file
 * of further arguments (`@file`; `@1795341600` is a moment, `+30` a number), and no way up out of where a program looks for it: `service ../../bin/sh` runs a shell. What the program does with a path, an address or `if=file` is for
 * the rule's author to know.
 */
export const isPlain = (word: string): boolean => /^(?:[A-Za-z0-9_./:%,][A-Za-z0-9_./:,@%+=-]*|[@+][0-9]+)$/.test(word) && !/(?<![A-Za-z0-9_.-])\.\.(?![A-Za-z0-9_.-])/.test(word)

/** A rule's words: null stands for `*`, a whole argument; `\*` is a star itself, which no word needs that backslash for. null: no command is like that. */
export function patternWords(words: readonly string[]): readonly (string | null)[] | null {
  if (words[0] === '*' || words.some((word) => word !== '*' && /(?<!\\)\*/.test(word))) return null
  const read = words.map((word) => (word === '*' ? null : word.replaceAll('\\*', '*')))
  try {
    commandLine(read.map((word) => word ?? '*'))
  } catch {
    return null
  }
  return read
}
/** A rule's words as one line, in which a `*` outside quotes is a whole argument; null: no command is like that. */
export function patternLine(words: readonly string[]): string | null {
  const read = patternWords(words)
  return read === null ? null : lineOf(read)
}
/** Words of which null is any argument, `*`, each other one quoted as in a command. Throws RangeError for words that none may have. */
export const lineOf = (words: readonly (string | null)[]): string => words.map((word, i) => (word === null ? '*' : inLine(word, i))).join(' ')
const inLine = (word: string, i: number): string => commandLine(i === 0 ? [word] : ['x', word]).slice(i === 0 ? 0 : 2)
/** What a rule names, as one text: a name as it stands, a command as one line. */
export const nameOf = (name: string | readonly string[]): string => (typeof name === 'string' ? name : patternLine(name) ?? name.join(' '))
