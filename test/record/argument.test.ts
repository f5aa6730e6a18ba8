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
    ...[
      'sudo mysql -phunter2', 'timeout 60 mysql -phunter2', 'sudo -u app sshpass -p hunter2 ssh h', 'env X=1 redis-cli -a hunter2', 'docker exec db mysql -phunter2', 'nice -n 5 /opt/m/bin/mysqldump-8.0 -phunter2 db', 'ssh h mariadb-import -phunter2 x',
      'curl -ubob:hunter2 http://h', 'curl -sSu bob:hunter2 h', 'curl -sSubob:hunter2 h', 'curl --user=bob:hunter2 h', 'smbclient -U bob%hunter2 x', 'app --auth bob:hunter2', 'ldapsearch -whunter2', 'redis-cli -ahunter2', 'docker login -p hunter2', 'az login -u b -p hunter2', 'snmpget -c hunter2 h',
      'openssl rsa -passin pass:hunter2', 'htpasswd -b /f bob hunter2', 'useradd -p hunter2 bob', 'vault login hunter2', 'rclone obscure hunter2', 'kubectl create secret generic x --from-literal=k=hunter2', 'vault write x secret_id=hunter2',
      'app --api.token hunter2', 'app --db.password=hunter2', 'app --token= hunter2', 'app --password -hunter2', 'app /password:hunter2', 'app --pin hunter2', 'app DATABASE_PW=hunter2', 'app --client-secret-value hunter2', 'helm --set a=1,auth.rootPassword=hunter2',
    ].map((line): [string, readonly string[]] => [line, line.split(' ')]),
    ...[
      'mysql -phunter2', 'mysql --password hunter2', 'cd /x && sudo mysql -p\'hunter2 x\' <f', 'export TOKEN=\'hunter2 x\'; run', 'x --token "hunter2 $y"', 'ssh h "mysql -phunter2 x"', 'curl -u "bob:hunter2" h | id', 'curl -H "X-Api-Key: hunter2" h', 'a(){ redis-cli -a hunter2;}', 'x `mysql -phunter2`', 'x "$(mysql -phunter2)"',
    ].map((text): [string, readonly string[]] => [`in a script: ${text}`, ['sh', '-c', text]]),
    ['in a header', ['curl', '-H', 'X-Auth-Token: hunter2']], ['in JSON', ['curl', '-d', '{"user":"a","password": "hunter2"}']], ['in a form', ['curl', '-d', 'user=a&pass=hunter2']],
    ['that fills its argument', ['app', 'pwd=hunter2;'.repeat(680)]],
  ])('%s', (_, words) => {
    const shown = redactCommand(commandLine(words))
    expect(shown).not.toContain('hunter2')
    expect(shown).toContain('[redacted: ')
    expect(commandWords(shown)).toHaveLength(words.length)
  })
  test.each<[string, readonly string[]]>([['no secret', ['df', '-h', '/srv']], ['an option that is on', ['app', '--no-password', '--force']], ['an equals sign', ['dd', 'if=/dev/zero', 'of=/tmp/x']], ['another program', ['ps', '-p', '17']], ['a port', ['ssh', '-p2222', 'db']], ['a user and a group', ['docker', 'run', '--user', '1000:1000', 'x']],
    ...[
      'sudo --askpass systemctl restart x', 'journalctl -u mysql -p err', 'find /srv -user mysql -print0', 'docker run --name mysql -p 3306:3306 mysql', 'mysql -u app -h db -P 3306 shop', 'app --no-token /srv', 'app --password --force', 'aws secretsmanager get-secret-value --secret-id prod/db', 'app --token-file /run/t',
      'ssh -p 2222 db', 'curl -o a:b https://h', 'redis-cli -p 6379', 'systemctl status sshpass', 'x --key=/etc/ssl/x.pem',
    ].map((line): [string, readonly string[]] => [line, line.split(' ')]),
    ['a script', ['sh', '-c', 'cd /srv && for i in a b; do grep -c "x y" $i | sort -k2 -p; done; find / -name "my pass*"']],
  ])('and what is none is whole: %s', (_, words) => {
    expect(redactCommand(commandLine(words))).toBe(commandLine(words))
  })
  test('a deed is not hidden behind a secret', () => {
    for (const script of ['token=1; rm -rf /srv', 'token=$(rm -rf /srv)', 'PGPASSWORD=x psql -c "rm -rf /srv"', 'secret=a|rm -rf /srv', 'x --token $(rm -rf /srv)', 'x --token `rm -rf /srv`', 'x --token "$(rm -rf /srv)"', 'x --token;rm -rf /srv', 'X-Token: $(rm -rf /srv)', 'X-Token: x; rm -rf /srv', 'mysql -p|rm -rf /srv', 'mysql -p"$(rm -rf /srv)"']) expect(redactCommand(commandLine(['sh', '-c', script]))).toContain('rm -rf /srv')
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
