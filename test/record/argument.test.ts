import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { commandLine, commandWords } from '../../schema/command.ts'
import { redactText } from '../../functions/record/redact.ts'
import { redactCommand, redactTarget } from '../../functions/record/argument.ts'

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
  test.each<[string, readonly string[]]>([['no secret', ['df', '-h', '/srv']], ['an option that is on', ['app', '--no-password', '--force']], ['an equals sign', ['dd', 'if=/dev/zero', 'of=/tmp/x']], ['another program', ['ps', '-p', '17']], ['a port', ['ssh', '-p2222', 'db']], ['a user and a group', ['docker', 'run', '--user', '1000:1000', 'x']]])('and what is none is whole: %s', (_, words) => {
    expect(redactCommand(commandLine(words))).toBe(commandLine(words))
  })
  test('a deed is not hidden behind a secret', () => {
    for (const script of ['token=1; rm -rf /srv', 'token=$(rm -rf /srv)', 'PGPASSWORD=x psql -c "rm -rf /srv"', 'secret=a|rm -rf /srv']) expect(redactCommand(commandLine(['sh', '-c', script]))).toContain('rm -rf /srv')
  })
  test('a second look changes nothing, so that a request and its execution are recorded alike', () => {
    const word = fc.oneof(fc.constantFrom('--password', 'password', 'PGPASSWORD=x', 'pwd=', 'a=b', '-u', 'a:b', 'Authorization: Bearer abcdefabcdefabcdef1', 'Authorization:', 'Bearer', 'identified by', '[redacted: secret]', 'https://a:b@c', 'eyJhbGciOiJIUzI1NiJ9.e30.x', 'basic', 'YWJjOmRlZg==', '-----BEGIN PRIVATE KEY-----', '\'', '"', 'password="x"', 'token=[x'), fc.string({ maxLength: 12 }).filter((text) => !/[\p{Cc}\\]/u.test(text)))
    fc.assert(fc.property(fc.array(word, { maxLength: 8 }), (words) => {
      const once = redactCommand(commandLine(['mysql', ...words]))
      expect(redactText(once)).toBe(once)
    }), { numRuns: 3000 })
  })
  test('of a command in a container too, and all else of its request is as it was', () => {
    const path = 'POST /api/v1/namespaces/web/pods/p/exec'
    const of = (...words: readonly string[]) => `${path}?container=c&stderr=true&stdout=true&${words.map((word) => `command=${encodeURIComponent(word)}`).join('&')}`
    for (const words of [['mysql', '-phunter2'], ['env', 'PGPASSWORD=hunter2', 'psql'], ['app', '--db-password', 'hunter2'], ['curl', '-u', 'ann:hunter2']]) {
      const shown = redactTarget(of(...words))
      expect([shown.startsWith(`${path}?container=c&stderr=true&stdout=true&command=`), shown.includes('hunter2'), decodeURIComponent(shown).includes('[redacted: ')]).toEqual([true, false, true])
    }
    for (const sql of [of('sh', '-c', 'echo a&b=c; id'), of('ls', '%'), `${path}?command=%zz&command=x`, 'GET /api/v1/pods?limit=500&continue=a%3Db', 'GET /api/v1/pods']) expect(redactTarget(sql)).toBe(sql)
  })
  test('whatever the words are, it is one line again, and never throws', () => {
    const word = fc.string({ unit: 'grapheme', maxLength: 40 }).filter((text) => !/[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\\]/u.test(text))
    fc.assert(fc.property(fc.array(word, { maxLength: 8 }), (words) => { expect(redactCommand(commandLine(['app', ...words]))).not.toMatch(/[\n\r]/) }))
  })
})
