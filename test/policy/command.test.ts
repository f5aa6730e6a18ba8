import { describe, expect, test } from 'vitest'
import { ruleWords } from '../../functions/decide/difference.ts'
import { reachOf } from '../../functions/decide/check/runner.ts'
import { roleDocument } from '../../schema/policy.ts'
import { check, platform, role, ruled, shop } from './files.ts'

const bastion = 'version: 1\nkind: connection\nname: bastion\nengine: ssh\nsecret: bastion-ssh\n'
const said = (...rules: readonly string[]) => check({ 'bastion.yaml': bastion, 'shop.yaml': shop, 'p.yaml': platform, 'r.yaml': role(...rules) }).lines
const on = (words: string, more = '') => `{ allow: [exec], connection: bastion, on: [${words}]${more} }`

describe('a rule that is right is not complained of', () => {
  test.each([
    on('[uptime]'), on('[df, -h]'), on('[systemctl, status, "*"]'), on('[journalctl, -u, "*", -n, "50", --no-pager]'), on('[grep, -c, "", /var/log/app.log]'), on('[date, +%F]'), on('[ps, aux]'), on('[psql, -c, select 1]'), on('[find, /var/log, -name, \\*.gz, -mtime, "+30"]'), on('[ls, \\*]'), on('[/opt/app/bin/rotate, "*", "*"]'),
    on('[systemctl, restart, "*"]', ', approval: { by: [platform] }').replace('platform', 'user:a@b.example'), '{ allow: [exec, select], connection: [bastion, shop], on: [[df], public.a], limits: { rows: 5 } }', '{ allow: ["*"], connection: "*", on: [[df], public.a] }', '{ deny: [exec], connection: bastion }', '{ deny: ["*"], connection: bastion }',
  ])('%s', (rule) => expect(said(rule).filter((line) => !line.includes('nobody is told'))).toEqual([]))
  test('nor a deny or an ask of a part of what is allowed', () => {
    expect(said(on('[service, "*", status]', ''), '{ deny: [exec], connection: bastion, on: [[service, payroll]] }')).toEqual([])
    expect(said(on('[/opt/run, "*", "*"]'), '{ deny: [exec], connection: "bastion", on: [[/opt/run, "*", --force]] }')).toEqual([])
  })
})

describe('a wrong rule is told what to write', () => {
  test.each([
    [on('df'), 'r.yaml:6:48: error: a command is a list of its words, such as `[df]`'],
    [on('df -h'), 'error: a command is a list of its words, such as `[df, -h]`'],
    [on('["df -h"]'), 'warning: `[df -h]` names a program with a space in its name; each word is one of its own: `[df, -h]`'],
    [on('[head, -n, 50]'), 'r.yaml:6:59: error: YAML reads this as the number 50, and an argument is text; put it in quotes'],
    [on('[x, 0x10]'), 'error: YAML reads this as the number 16, and'], [on('[x, 1.50]'), 'error: YAML reads this as the number 1.5, and'], [on('[true]'), 'r.yaml:6:49: error: YAML reads this as the truth value true, and'], [on('[x, ~]'), 'error: YAML reads this as nothing, and'], [on('[null]'), 'error: YAML reads this as nothing, and'],
    [on('[x, Accept: json]'), 'error: YAML reads this as a map, for its `: `, and an argument is text; put it in quotes'], [on('50'), 'error: YAML reads this as the number 50, and a name is text'], [on('{ a: b }'), 'error: YAML reads this as a map'],
    [on('[x, [y]]'), 'error: an argument is one word, not a list; a command is one list of words'], [on('[]'), 'error: a command has at least one word, its program'], [on('[""]'), 'error: `[]` names no program'], [on('""'), 'error: a name is at least one character'], [on(`[${'x, '.repeat(64)}x]`), 'error: a rule names at most 64 words of a command'],
    [on('[x, *]'), 'error: aliases (`*name`) are not read; what starts with `*` needs quotes: `"*"`'],
    [on('["*"]'), 'error: `[*]` names no program'], [on('["*", -h]'), 'error: `[*, -h]` names no program'], [on('[-x]'), 'error: `[-x]` names no program'],
    [on('[cat, "/var/log/*"]'), 'error: `[cat, /var/log/*]`: `*` is one whole argument, not a part of one; a star itself is `\\*`'],
    [on('[df, "-h\\n"]'), 'error: `[df, -h?]` has a word that holds a control character, a line end or a backslash, which no argument may'], [on(`[x, ${'a'.repeat(9000)}]`), 'has a word that is over 8192 bytes'],
    ['{ allow: [exec], connection: shop, on: [[df, -h]] }', 'error: `[df, -h]` is a command, and none of the connections named here is reached by SSH'], ['{ allow: [exec], connection: shop, on: [public.a] }', 'error: `exec` is of SSH, and none of the connections named here is'],
    ['{ allow: [write], connection: bastion, on: [[df]] }', 'error: `write` is of SQL or Kubernetes, and none of the connections named here is; a command is `exec`'], ['{ allow: [get], connection: bastion, on: [[df]] }', 'error: `get` is a verb of Kubernetes, and none'], ['{ allow: [exce], connection: bastion, on: [[df]] }', 'error: `exce` is not known here; did you mean `exec`?'],
    [on('[df]', ', columns: [id]'), 'error: `columns` is of SQL, and none'], [on('[df]', ', through: true'), 'error: `through` is of SQL, and none'], [on('[df]', ', namespaces: [x]'), 'error: `namespaces` is of Kubernetes, and none'], [on('[df]', ', permit: [privileged]'), 'error: `permit` is of Kubernetes, and none'],
    [on('[df]', ', reveal: [pii.email]'), 'error: `reveal` shows classified columns, and what a command prints has none; `detect` of the connection goes over it'], ['{ reveal: ["*"], connection: bastion }', 'error: `reveal` shows classified columns'],
    [on('[df]', ', limits: { rows: 5 }'), 'warning: `rows` limits nothing of a command; `bytes` and `timeout` do'],
    ['{ allow: [exec], connection: "*", on: [[df], uptime] }', 'error: `uptime` needs its schema, such as `public.uptime`; a command is a list of its words: `[uptime]`'],
    ['{ deny: [exec], connection: bastion, on: [[rm]] }', 'warning: nothing that a rule allows begins like `[rm]`, so this takes nothing away: what no rule allows is denied, and `rm` by another path or behind another program is another command'],
    ['{ deny: [exec], connection: "*", on: [[rm]] }', 'error: `[rm]` is a command, and some of these connections are not reached by SSH: there it would take everything away'],
    ['{ allow: [exec], connection: bastion }', 'error: an `allow` needs `on`'],
  ])('%s', (rule, expected) => expect(said(rule).join('\n')).toContain(expected))
  test('what stands where a password stands is no word for a rule, and is not shown again', () => {
    for (const [command, shown] of [['[mysql, -u, ro, -phunter2x, -e, show]', '[mysql, -u, ro, -p[redacted: secret], -e, show]'], ['[sudo, deployctl, --token, hunter2x, "*"]', '[sudo, deployctl, --token, [redacted: secret], *]'], ['[curl, "https://ops:hunter2x@h/"]', '[curl, https://ops:[redacted: secret]@h/]']] as const) {
      const lines = said(on(command, ', approval: { by: ["user:a@b.example"] }')).join('\n')
      expect(lines).toContain(`warning: \`${shown}\` names what stands where a password stands, and a rule is no place for a secret`)
      expect(lines).not.toContain('hunter2x')
    }
    for (const command of ['[app, --token, "*"]', '[app, --no-password]', '[mysql, -e, show]', '[redis-cli, -p, "6379", info]']) expect(said(on(command)).join('\n')).not.toContain('no place for a secret')
  })
  test('`write` reaches no command, and that is said where nobody is asked there', () => {
    const asks = '{ ask: [write], connection: "*", approval: { by: ["user:a@b.example"] } }'
    expect(said(on('[df]'), asks).join('\n')).toContain('r.yaml:7:12: warning: `write` does not reach the commands of `bastion`, of which nobody knows what they change, and no rule there asks anybody; name `exec` too, or give')
    expect(said(on('[df]'), '{ deny: [write], connection: [shop, bastion] }').join('\n')).toContain('`write` does not reach the commands of `bastion`')
    for (const rules of [[asks], [on('[df]'), asks.replace('[write]', '[write, exec]')], [on('[df]'), on('[x]', ', approval: { by: ["user:a@b.example"] }'), asks], [on('[df]'), asks.replace('"*"', 'shop')]]) expect(said(...rules).join('\n')).not.toContain('does not reach')
  })
  test('what YAML reads as text is text', () => {
    expect(said(on('[x, yes, no, on, 2026-11-22, 10:30, 1_000, 08-15, -h, 1.2.3, /x, a:b, "50", \'0x10\']'))).toEqual([])
  })
  test('a host has no columns, and its logins are those of roles', () => {
    const of = (more: string) => check({ 'b.yaml': `${bastion}${more}\n`, 'p.yaml': platform }).lines.join('\n')
    for (const key of ['classify: { public.a.b: pii.x }', 'mask: { "*": redact }', 'secrets: { read: x }', 'searchPath: [x]', 'serviceAccounts: { a: b/c }', 'allowOwner: true']) expect(of(key)).toMatch(/error: `\w+` means nothing to engine `ssh`/)
    expect(of('limits: { rows: 5 }')).toContain('b.yaml:6:11: warning: `rows` limits nothing of a command')
    expect(of('logins: { platfrom: deploy }')).toContain('b.yaml:6:11: warning: there is no role `platfrom`; did you mean `platform`?')
    expect(of('logins: { "*": root }')).toContain('warning: commands run as root')
    expect(of('logins: {}')).toContain('error: nobody has a login')
    expect(of('logins: { "*": Deploy }')).toContain('error: a login is a lower-case user name')
    expect(of('logins: { "*": deploy, platform: ops }\ndetect: [email]\ntransport: private\nrecord: none')).toBe('')
    expect(ruled('{ allow: [select], connection: shop, on: [public.a] }', `${shop}logins: { "*": x }\n`).join()).toContain('error: `logins` means nothing to engine `postgres`')
  })
})

describe('what a star could do that is not meant', () => {
  const words = (line: string) => line.split(' ')
  test.each([
    ['run', 'bash *'], ['run', 'bash -c *'], ['run', '/bin/sh *'], ['run', 'python3 *'], ['run', 'python3 -m *'], ['run', 'perl -e *'], ['run', '. *'], ['run', 'eval *'], ['run', 'env *'], ['run', 'sudo *'], ['run', 'sudo -u deploy *'], ['run', 'sudo -n *'], ['run', '/usr/bin/sudo *'], ['run', 'sudo -u deploy bash *'], ['run', 'env A=b *'], ['run', 'timeout 5 *'], ['run', 'nice -n 5 *'],
    ['run', 'exec *'], ['run', 'command *'], ['run', 'xargs -n 1 *'], ['run', 'sudo env PATH=/x timeout -k 5 10 vim *'], ['run', 'find /srv -exec *'], ['run', 'git *'], ['run', 'git bisect *'], ['run', 'docker exec web *'], ['run', 'kubectl *'], ['run', 'sed * /x'], ['run', 'awk *'], ['run', 'tar * /x'], ['run', 'apt-get install *'], ['run', 'ssh *'], ['run', 'sudo -u * id'], ['run', 'chroot * id'], ['run', 'env * df'], ['run', 'sysctl *'], ['run', 'noglob *'], ['show', 'ps *'], ['show', 'ps aux *'],
    ['file', 'cat *'], ['file', 'tail -n 50 *'], ['file', 'tail -f *'], ['file', 'head -50 *'], ['file', 'grep ERROR *'], ['file', 'grep -e ERROR -f *'], ['file', 'sed -n 1,10p *'], ['file', 'awk {print} *'], ['file', 'cp * /backup'], ['file', 'rm *'], ['file', 'sudo cat *'], ['file', 'sudo -u deploy tail -n 5 *'], ['file', 'dd *'], ['file', 'find * -delete'], ['file', 'find * -exec cat {} ;'], ['file', 'tee *'],
    ['go', 'curl *'], ['go', 'curl -s -m 5 *'], ['go', 'wget *'], ['go', 'nc * 80'], ['unit', 'systemctl restart *'], ['unit', 'sudo systemctl stop *'], ['unit', 'service * restart'],
    ...['python3.11 *', '/usr/bin/perl5.36.0 *', 'php8.2 *', 'lua5.4 *', 'ruby3.1 *', 'node20 *', 'nodejs *', 'bash-5.2 *', 'sudo bash-5.2 -c *', 'vim.tiny *', 'mariadb *', 'mysqldump *', 'java -jar *', 'run-parts *', 'start-stop-daemon --start --exec *', 'setarch x86_64 *', 'linux32 *', 'unbuffer *', 'deno run *', 'bun *', 'pwsh *', 'ldd *', 'machinectl shell *'].map((line) => ['run', line] as const),
    ['go', 'nc.openbsd * 80'], ['go', 'nc.traditional * 80'], ['unit', 'systemctl * status'], ['unit', 'systemctl *'], ['unit', 'service status *'], ['unit', 'service * restart status'], ['unit', 'systemctl link *'], ['file', 'awk-5.2 {print} *'],
  ] as const)('%s: %s', (reach, line) => expect(reachOf(words(line))?.reach).toBe(reach))
  test.each([
    'java -jar /opt/a.jar *', 'python3.11 /opt/report.py *', 'md5 *', 'machinectl status *', 'systemctl --user status *', 'service * status', 'sudo service * status', 'systemctl status *', 'sudo systemctl status *', 'sudo -n -u deploy systemctl is-active *', 'journalctl -u *', 'journalctl -u * -n 50', 'service * status', 'df -h *', 'ls -la *', 'stat *', 'id *', 'ping -c 3 *', 'dig +short *', 'host *', 'find /var/log -name *', 'find * -maxdepth 1', 'grep -c * /var/log/app.log', 'tail -n * /var/log/app.log', 'git -C /srv/app log *', 'git show *',
    'docker logs *', 'kubectl get pods -n *', 'python3 /opt/report.py *', 'bash /opt/deploy.sh *', 'sudo /opt/deploy.sh *', 'timeout 10 ping *', 'du -sh *', 'getent passwd *', 'timeout * ping x', 'nice -n * df', 'ps -p *', 'ps -o pid -p *', 'nslookup *', 'openssl version', 'curl -s http://127.0.0.1:8080/healthz', 'cat /etc/os-release', 'bash /opt/x', 'apt list *', 'dpkg -l *', '/opt/app/bin/rotate *', 'sudo -l',
  ])('nothing: %s', (line) => expect(reachOf(words(line))).toBe(null))
  test.each([
    ['[cat, "*"]', 'warning: `cat` reads or writes the file that its argument names, so the `*` of `[cat, *]` may be any that its login can, such as `/etc/passwd` or a key; name what is meant, or let people approve it'],
    ['[sudo, -u, deploy, bash, "*"]', 'warning: `bash` can run what its arguments say, so the `*` of `[sudo, -u, deploy, bash, *]` may be any command there is'],
    ['[curl, -s, "*"]', 'warning: `curl` goes where its argument says'], ['[systemctl, restart, "*"]', 'warning: `systemctl` takes any unit, so the `*` of `[systemctl, restart, *]` may be `ssh` or `reboot.target`'],
  ])('%s is warned of, unless people see it first', (command, expected) => {
    expect(said(on(command)).join('\n')).toContain(expected)
    expect(said(on(command, ', approval: { by: ["user:a@b.example"] }')).join('\n')).not.toMatch(/so the `\*` of/)
  })
})

test('the schema that editors read has names and lists of words in `on`', async () => {
  const { default: schema } = await import('../../schema/policy.v1.schema.json', { with: { type: 'json' } })
  expect(JSON.stringify(schema)).toContain('"on":{"minItems":1,"type":"array","items":{"anyOf":[{"type":"string","minLength":1},{"minItems":1,"maxItems":64,"type":"array","items":{"type":"string"}}]}}')
})

test('`policy plan` says a rule of commands as one would read it', () => {
  const [rule] = roleDocument.parse({ version: 1, kind: 'role', name: 'r', members: [], rules: [{ allow: ['exec'], connection: 'bastion', on: [['df', '-h'], ['grep', 'a b', '*'], ['echo', ''], ['find', '/x', '-name', '\\*.gz']], approval: { by: ['leads'] } }] }).rules
  expect(rule && ruleWords(rule)).toBe('allow exec on [df -h], [grep \'a b\' *], [echo \'\'], [find /x -name \'*.gz\'] of bastion with approval of 1 of leads within 30m')
})
