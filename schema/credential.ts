/**
 * Where in a command a password stands, by the place of its word: behind or in an option or a variable that is named like one, and where well-known programs take one. What is known by its form (keys, tokens, addresses) is
 * functions/record/redact.ts's. Fails towards hiding: a program counts for every word behind its name, so it is found behind `sudo`, `timeout 60`, `docker exec db` and whatever else runs another; words with blanks are read as the script they may be.
 * Of a script only values are hidden, never what another command begins with: nobody hides a deed behind a secret. Linear in the words.
 */
export const mark = '[redacted: secret]'

/** The words as they may be shown. */
export const conceal = (words: readonly string[]): readonly string[] => simple(words, false, (word) => script(word, 0))

/** A rule's words, of which `*` is any. */
export const concealNamed = (words: readonly string[]): readonly string[] => { const shown = conceal(words); return words.map((word, i) => (word === '*' ? word : shown[i] ?? mark)) }

/** Options of a letter whose value is a password: in the same word, or in the next where that is `apart`. By the name of a program, or of what it is told to do. */
const letters: readonly { readonly of: RegExp; readonly letter: RegExp; readonly apart?: true }[] = [
  { of: /^(?:mysql|mariadb)/, letter: /^-p(?!(?:ath|erm|rint[0f]?|rune)$)/ }, { of: /^(?:sshpass|mongo(?:sh|dump|restore|export|import|stat|top)?|useradd|usermod|login)$/, letter: /^-p/, apart: true },
  { of: /^(?:redis|valkey)-/, letter: /^-a/, apart: true }, { of: /^ldap/, letter: /^-w/, apart: true }, { of: /^snmp/, letter: /^-[cAX]/, apart: true },
  { of: /^(?:ipmitool|ipmipower|smbclient|zip|unzip|sqlcmd|bcp|isql)$/, letter: /^-P/, apart: true },
]
/** With `user:password`, or `user%password`, in an option. */
const users = /^(?:curl|https?|xh|smbclient|rpcclient|smbmap|net)$/
const userOption = /^-[fgikLsSvIG#0-46]*[uUa]$|^--(?:proxy-)?user$/
const userJoined = /^(?:-[fgikLsSvIG#0-46]*[uUa]|--(?:proxy-)?user=)[^:%=]*[:%]/
/** Of any program. */
const pairOption = /^--?(?:proxy-|basic-)?(?:auth|creds)$/
/** A password that is the next word, without an option. */
const deeds: Readonly<Record<string, string>> = { login: 'vault', obscure: 'rclone' }

/** The whole name of an option or a variable, or its last part: `--db-password`, `PGPASSWORD`, `MYSQL_PWD`, `api.key`. */
const secretName = /(?:pass(?:word|wd|phrase|code)?|pwd|secret|token|bearer|credentials?|(?:^|[_.-])(?:pw|pin)|(?:api|access|private|secret|signing|auth|encryption|account)[_.-]?key|secret[_.-](?:id|value|text))$/i
/** End so and are none, or say that there is none or that somebody is asked. */
const noSecret = /(?:askpass|bypass|compass|encompass)$|^-*(?:no|without|ask|prompt)[_.-]/i
const isSecret = (name: string): boolean => secretName.test(name) && !noSecret.test(name)

const named = /(?<![A-Za-z0-9_.-])([A-Za-z0-9_.-]{0,64}(?:pass(?:word|wd|phrase|code)?|pwd|secret|token|[_.-]pw|_key)=)[^\s'"&;|[,$`()<>]{1,8192}/gi
const member = /("[A-Za-z0-9_.-]{0,64}(?:pass(?:word|wd|phrase|code)?|pwd|secret|token|[_.-]?key)"\s{0,4}:\s{0,4}")(?!\[redacted: )[^"]{1,8192}/gi
const header = /^((?:[A-Za-z0-9]{1,32}-){0,8}(?:key|token|secret|password|auth)|(?:set-)?cookie)(:\s{0,4})(?!\[redacted: )[^;&|$`()<>\s][^;&|$`()<>]{0,8192}/i
const address = /(?<![a-z0-9+.-])([a-z][a-z0-9+.-]{0,20}:\/\/[^\s/:@'"]{0,256}:)(?!\[redacted: )[^\s/@'"]{1,1024}(?=@)/gi
/** `/password:x` of programs that came from elsewhere, `pass:x` of openssl. */
const colon = /^([/-](?:password|passwd|pass|pwd|token):|pass:)(?=.)/i
const switched = /^(--?[A-Za-z][A-Za-z0-9_.-]*)=?$/

/** What of the words before counts for those behind. Bounded, so that many words cost each the same. */
interface Before { readonly letters: Set<(typeof letters)[number]>; readonly programs: Set<string>; user: boolean; batch: boolean }

/** The words of one command. `lone`: they are a script's, so that each is one word whatever is in it. `other`: what is done with one that stands where no password stands. */
function simple(words: readonly string[], lone: boolean, other: (word: string) => string): readonly string[] {
  const seen: Before = { letters: new Set(), programs: new Set(), user: false, batch: false }
  return words.map((word, i) => {
    const kept = i === 0 && !lone ? null : beginning(seen, words[i - 1] ?? '', word, lone) ?? (i === words.length - 1 && seen.batch && !word.startsWith('-') ? '' : null)
    note(seen, word)
    return kept === null ? other(word) : `${kept}${mark}`
  })
}
function note(seen: Before, word: string): void {
  if (word.startsWith('-')) { seen.batch ||= seen.programs.has('htpasswd') && /^-[A-Za-z]*b/.test(word); return }
  const name = word.slice(word.lastIndexOf('/') + 1)
  for (const one of letters) if (one.of.test(name)) seen.letters.add(one)
  if (users.test(name)) seen.user = true
  if (/^(?:aws|vault|rclone|htpasswd|kubectl|oc|k3s)$/.test(name)) seen.programs.add(name)
}

/** What may be shown of a word that holds a password; null: it holds none. */
function beginning(seen: Before, before: string, word: string, lone: boolean): string | null {
  const option = switched.exec(before)?.[1]
  // To AWS `--secret-id` is a name, and which secret was read is what the record is for.
  if (option !== undefined && option.length > 2 && isSecret(option) && isValue(word) && !(option === '--secret-id' && seen.programs.has('aws'))) return ''
  const at = word.indexOf('=')
  if (at > 0 && at < word.length - 1 && isSecret(word.slice(0, at)) && (lone || word.startsWith('-') || !apart.test(word))) return word.slice(0, at + 1)
  const named = colon.exec(word)?.[0]
  if (named !== undefined && (lone || !apart.test(word))) return named
  for (const { letter, apart: next } of seen.letters) {
    const [lead] = letter.exec(word) ?? []
    if (lead !== undefined && word.length > lead.length) return lead
    if (next && lead === undefined && letter.exec(before)?.[0] === before && before !== '') return ''
  }
  const joined = seen.user ? userJoined.exec(word)?.[0] : undefined
  if (joined !== undefined && word.length > joined.length) return joined
  const end = pairOption.test(before) || (seen.user && userOption.test(before)) ? word.search(/[:%]/) : -1
  if (end !== -1 && end < word.length - 1) return word.slice(0, end + 1)
  const literal = seen.programs.size > 0 ? /^--from-literal=[^=]*=(?=.)/.exec(word)?.[0] : undefined
  if (literal !== undefined) return literal
  return Object.hasOwn(deeds, before) && seen.programs.has(deeds[before] ?? '') && !word.startsWith('-') ? '' : null
}

/** Behind an option that is named like a password: what begins with a dash is another option, unless it looks like a value. */
const isValue = (word: string): boolean => word !== '' && (!word.startsWith('-') || (/^-[^-]{4}/.test(word) && /\d/.test(word)))
const apart = /[\s&;|$`()<>]/

/** What is named or addressed in the middle of a text. */
const values = (text: string): string => text.replace(header, `$1$2${mark}`).replace(member, `$1${mark}`).replace(named, `$1${mark}`).replace(address, `$1${mark}`)

/** One word or one run of quotes and characters of a script. What is substituted into it is a command, and no part of it. */
const piece = /(?:'[^']*'|"(?:[^"$`]|\$(?!\())*"|[^\s;&|()<>`'"$]|\$(?!\())+/g
const deepest = 4
/** A word with blanks in it as the commands it may hold; any other as it is, but for values that are named in it. */
function script(word: string, depth: number): string {
  const found = !/\s/.test(word) || depth >= deepest ? null : [...word.matchAll(piece)]
  if (found === null || found.length < 2) return values(word)
  // Where something else than blanks stands between two, another command begins.
  const commands: RegExpExecArray[][] = []
  let end = 0
  for (const one of found) {
    const last = commands.at(-1)
    if (last && /^\s+$/.test(word.slice(end, one.index))) last.push(one)
    else commands.push([one])
    end = one.index + one[0].length
  }
  let [out, from] = ['', 0]
  for (const command of commands) {
    const bare = command.map(([text]) => text.replace(/'([^']*)'|"([^"]*)"/g, '$1$2'))
    const shown = simple(bare, true, (text) => text)
    command.forEach(({ index, 0: text }, i) => {
      out += word.slice(from, index) + (shown[i] !== bare[i] ? shown[i] ?? mark : nested(text, depth))
      from = index + text.length
    })
  }
  return values(out + word.slice(from))
}

/** Of a script in a script: what stands between its quotes. */
const nested = (text: string, depth: number): string => text.replace(/'([^']*)'|"([^"]*)"/g, (whole, single?: string, double?: string) => {
  const inner = single ?? double ?? ''
  const shown = script(inner, depth + 1)
  return shown === inner ? whole : `${whole[0] ?? ''}${shown}${whole[0] ?? ''}`
})
