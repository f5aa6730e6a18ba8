import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { commandLine, commandWords } from '../../schema/command.ts'
import { redactCommand } from '../../functions/record/argument.ts'

describe('a secret in a command is not on record', () => {
  test.each<[string, readonly string[]]>([
    ['behind its option', ['app', '--db-password', 'hunter2']], ['in its option', ['app', '--api-key=hunter2']], ['in a variable', ['env', 'PGPASSWORD=hunter2', 'psql']], ['in a script', ['sh', '-c', 'cd /x && MYSQL_PWD=hunter2 mysql']],
    ['in the option of a letter', ['/usr/bin/mysql', '-phunter2', '-e', 'select 1']], ['behind the option of a letter', ['sshpass', '-p', 'hunter2', 'ssh', 'db']], ['beside a user', ['curl', '-u', 'ann:hunter2', 'https://x']],
    ['in an address', ['psql', 'postgres://ann:hunter2@db/shop']], ['in a header', ['curl', '-H', 'Authorization: Bearer hunter2hunter2hunter2']], ['of quotes and blanks', ['app', '--password', 'a \'hunter2\' b']], ['in many', ['app', ...Array.from({ length: 200 }, () => '--token=hunter2')]],
    ['that fills its argument', ['app', 'pwd=hunter2;'.repeat(680)]],
  ])('%s', (_, words) => {
    const shown = redactCommand(commandLine(words))
    expect(shown).not.toContain('hunter2')
    expect(shown).toContain('[redacted: ')
    expect(commandWords(shown)).toHaveLength(words.length)
  })
  test.each<[string, readonly string[]]>([['no secret', ['df', '-h', '/srv']], ['an option that is on', ['app', '--no-password', '--force']], ['an equals sign', ['dd', 'if=/dev/zero', 'of=/tmp/x']], ['another program', ['ps', '-p', '17']], ['a port', ['ssh', '-p2222', 'db']]])('and what is none is whole: %s', (_, words) => {
    expect(redactCommand(commandLine(words))).toBe(commandLine(words))
  })
  test('whatever the words are, it is one line again, and never throws', () => {
    const word = fc.string({ unit: 'grapheme', maxLength: 40 }).filter((text) => !/[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\\]/u.test(text))
    fc.assert(fc.property(fc.array(word, { maxLength: 8 }), (words) => { expect(redactCommand(commandLine(['app', ...words]))).not.toMatch(/[\n\r]/) }))
  })
})
