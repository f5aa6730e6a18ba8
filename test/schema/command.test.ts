import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { commandLine, commandWords, isPlain, maxWordBytes, maxWords, patternLine, wrongWord } from '../../schema/command.ts'

/** Login shells that people have. `rc`, PowerShell, nushell and the like read no POSIX quotes; `sluice grants` makes its login one of /bin/sh. */
const shells: Readonly<Record<string, readonly string[]>> = {
  dash: ['dash'], bash: ['bash'], 'bash --posix': ['bash', '--posix'], zsh: ['zsh'], ksh93: ['ksh93'], mksh: ['mksh'], busybox: ['busybox', 'sh'], yash: ['yash'], fish: ['fish'], tcsh: ['tcsh'], csh: ['bsd-csh'],
}
const here = (program: string): boolean => (process.env['PATH'] ?? '').split(':').some((directory) => existsSync(join(directory, program)))

/** Grammar, builtins and names that mean something in the first place. */
const firsts = ['if', 'then', 'done', 'in', 'time', 'coproc', 'function', 'select', 'repeat', 'foreach', 'end', 'nocorrect', 'A=b', '=ls', '~x', '!', '!!', '{', '}', '[[', '#x', '(x', 'a b', '\'', '$x', '*', '?', ';', '&', '>x', '^a^b', '@x', 'łódź', '1x', '+x', ',x']
let directory = ''
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'sluice-words-'))
  writeFileSync(join(directory, 'argv'), '#!/bin/sh\nprintf \'%s\\0\' "${0##*/}" "$@"\n')
  chmodSync(join(directory, 'argv'), 0o755)
  for (const name of firsts) symlinkSync('argv', join(directory, name))
})
afterAll(() => { rmSync(directory, { recursive: true, force: true }) })

/** What a program gets from a shell that is handed the line of these words. */
function handed([program = '', ...options]: readonly string[], words: readonly string[]): readonly string[] {
  const { stdout } = spawnSync(program, [...options, '-c', commandLine(words)], { env: { PATH: `${directory}:/usr/bin:/bin`, HOME: directory, LC_ALL: 'C.UTF-8' }, maxBuffer: 1e8 })
  return stdout.toString('utf8').split('\0').slice(0, -1)
}

const telling = ['\'', '"', '`', '$', '!', '#', '*', '?', '[', ']', '{', '}', '(', ')', '<', '>', '|', '&', ';', '~', '=', '%', '^', ',', '-', '+', '@', ':', '/', '.', ' ', 'a', 'b', '1', 'ł', '\u00a0', '\u200b', '\u3000', '😀']
const word = fc.oneof(
  { arbitrary: fc.array(fc.constantFrom(...telling), { maxLength: 8 }).map((all) => all.join('')), weight: 4 },
  { arbitrary: fc.string({ unit: 'binary', maxLength: 12 }).filter((text) => wrongWord(text) === null), weight: 1 },
  { arbitrary: fc.constantFrom('', '!#', '!!', '!$', '!-1', '; id; ', '$(id)', '`id`', '~', '~root', '{a,b}', '-rf', '--', '>x', '$HOME', 'a=~', '=ls', '%self', '&&', '#', '<<<x', '*(e:id:)'), weight: 2 },
)
const rest = fc.array(word, { maxLength: 12 })
const program = fc.constantFrom('argv', ...firsts)

describe('a command is one line, and a line one command', () => {
  test('the words of a line are those it was made of', () => {
    fc.assert(fc.property(program, rest, (first, others) => { expect(commandWords(commandLine([first, ...others]))).toEqual([first, ...others]) }), { numRuns: 3000 })
  })
  test('no other text is read: a line with one character changed is no command, or the one line of another', () => {
    fc.assert(fc.property(program, rest, fc.nat(), fc.constantFrom(...telling, '\\', '\t', '\n', '\0', ''), fc.boolean(), (first, others, place, put, over) => {
      const line = commandLine([first, ...others])
      const at = place % (line.length + 1)
      const changed = line.slice(0, at) + put + line.slice(at + (over ? 1 : 0))
      const words = commandWords(changed)
      expect(words === null || commandLine(words) === changed).toBe(true)
    }), { numRuns: 5000 })
  })
  test.each([
    '', ' ', 'df ', ' df', 'df  -h', 'df\t-h', 'df\n-h', 'df -h\n', '"df" -h', '\'df\' -h', 'df \'-h\'', 'd\'f\'', 'df \\-h', 'df -h;id', 'df -h #', 'df $HOME', 'df ~', 'df *', 'df a\\ b', 'df \'a', 'df a\'', 'df \'a\\\'b\'', 'df !x', 'df \'!x\'', 'A=b df', 'if', '-h', '\'\'', 'df \u00a0', 'df \ud800', 'df "a b"', 'df \'a\'\'b\'',
  ])('%j is no command', (line) => expect(commandWords(line)).toBe(null))
  test('no word is over 8 KB, holds a control, a half character, a line end or a backslash, and the first names a program', () => {
    for (const words of [[], [''], ['-x'], ['df', 'a\\b'], ['df', 'a\nb'], ['df', '\0'], ['df', '\u0085'], ['df', '\u2028'], ['df', '\u2029'], ['df', '\ud800'], ['df', '\x1b[2J'], ['df', 'ł'.repeat(maxWordBytes / 2 + 1)]]) expect(() => commandLine(words)).toThrow(RangeError)
  })
})

describe.each(Object.entries(shells))('%s', (name, shell) => {
  const missing = !here(shell[0] ?? '')
  const about = missing ? ` (there is no ${name} here: apt-get install ${name === 'csh' ? 'csh' : shell[0]})` : ''
  test.skipIf(missing)(`hands a program exactly the words${about}`, () => {
    fc.assert(fc.property(rest, (others) => { expect(handed(shell, ['argv', ...others])).toEqual(['argv', ...others]) }), { numRuns: 20, examples: [[telling], [['; id; ', '!#']], [['it\'s', '\'\'\'', '\'!\'', '!\'!']]] })
  })
  test.skipIf(missing)(`takes the first word for a program, whatever it is called, or runs nothing${about}`, () => {
    const wrong = firsts.filter((first) => handed(shell, [first, 'x']).join('\n') !== `${first}\nx`)
    expect(wrong.filter((first) => handed(shell, [first, 'x']).length > 0)).toEqual([])
    // grammar and builtins that some know by their name alone, quoted or not
    expect(wrong.filter((first) => ![...name === 'fish' ? ['!', 'if', 'function', 'end', 'in', 'select', 'repeat', 'foreach', 'time', 'then', 'done'] : [], '[['].includes(first))).toEqual([])
  })
  // csh has an end at 4 KB a word, and says so
  test.skipIf(missing)(`takes the longest words and the most of them${about}`, () => {
    const long = name === 'csh' ? 1000 : maxWordBytes
    for (const words of [['argv', '\''.repeat(long)], ['argv', 'ł'.repeat(long / 2)], ['argv', ...Array.from({ length: maxWords - 1 }, (_, i) => `w ${i}'!`)]]) expect(handed(shell, words)).toEqual(words)
  })
})

describe('what one `*` stands for', () => {
  test.each([
    'nginx', 'nginx.service', 'getty@tty1.service', 'system-getty.slice', 'app@eu-west-1:8080', 'postgresql@15-main', '/var/log/nginx/access.log', 'logs/app.log', './bin/deploy', '.profile', '.', 'file..old', 'v1...v2', 'main..feature', '2026-11-22', '2026-11-22T10:00:00Z', '10:00', 'today', '50', '-0'.slice(1), '3.5', '8080', '10.0.0.7', '10.0.0.0/8',
    '2001:db8::1', 'db.internal.acme.dev', 'https://acme.dev/healthz', 'ada@acme.dev', 'support+1@acme.dev', 'k=v', 'app=web,tier!=x'.replace('!', ''), 'A1B2-C3', '0d9b6a52-5f0e-4d0a-9d4e-4a41cf0d5f5a', 'ghcr.io/acme/app:1.2.3', 'sha256:abc', 'refs/heads/main', '1000:1000', 'u=rw,g=r', '%h', '@1795341600', '+30', 'eth0', 'ttyS0', '01:23:45:67:89:ab',
  ])('%s is one', (value) => expect(isPlain(value)).toBe(true))
  test.each([
    ['an option', '-H'], ['an option', '--host=x'], ['a dash', '-'], ['a command of editors and pagers', '+!id'], ['a command of editors and pagers', '+x'], ['a file of more arguments', '@/tmp/args'], ['a file of more arguments', '@1/x'], ['a file of more arguments', '@'], ['a way up', '..'], ['a way up', '../../bin/sh'], ['a way up', '/var/log/../../etc/shadow'], ['a way up', 'a/..'], ['a way up behind a name', 'host:../x'],
    ['a way up behind a name', 'file=../x'], ['a way up in a list', 'a,../../etc'], ['a way up behind a host', 'joe@../x'], ['a way up before more', '..,x'], ['a pattern of the program', 'nginx*'], ['a pattern of the program', 'ng?nx'], ['a pattern of the program', '[a-z]'], ['a home', '~root'], ['a variable', '$HOME'], ['a space', 'a b'], ['nothing', ''], ['a quote', '\''], ['a list', 'a;b'], ['another word of csh', '!x'], ['a comment', '#'], ['braces', '{a,b}'], ['a program of zsh', '=ls'], ['a remark', 'a#b'],
    ['a query', 'https://x/?a=b&c'], ['another alphabet', 'łódź'], ['what looks like a letter', 'аdmin'], ['a line', 'a\nb'],
  ])('%s is none: %j', (_, value) => expect(isPlain(value)).toBe(false))
  test('it needs quotes nowhere but at a beginning', () => {
    fc.assert(fc.property(fc.array(fc.constantFrom(...telling), { maxLength: 8 }).map((all) => all.join('')).filter(isPlain), (value) => {
      expect(commandLine(['x', value]).replaceAll('\'', '')).toBe(`x ${value}`)
    }))
  })
})

test('a rule\'s words are one line: a star is a whole argument, and what is literal is quoted as in a command', () => {
  expect([['systemctl', 'status', '*'], ['grep', 'a b', '/x'], ['if', '!'], ['df', '']].map(patternLine)).toEqual(['systemctl status *', 'grep \'a b\' /x', '\'if\' \'\'\\!\'\'', 'df \'\''])
  expect([['find', '-name', '\\*.gz'], ['ls', '\\*', '*'], ['\\*']].map(patternLine)).toEqual(['find -name \'*.gz\'', 'ls \'*\' *', '\'*\''])
  expect([['ls', 'a\\b'], ['ls', '\\\\*'], ['ls', '\\**'], ['ls', '*\\*'], ['ls', '\\']].map(patternLine)).toEqual([null, null, null, null, null])
  expect([['*'], ['*', 'x'], ['cat', '/var/log/*'], ['cat', 'a\nb'], ['-x'], ['cat', 'x'.repeat(maxWordBytes + 1)]].map(patternLine)).toEqual([null, null, null, null, null, null])
})
