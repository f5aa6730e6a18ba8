import { expect, test } from 'vitest'
import { commandLine } from '../../schema/command.ts'
import { checkDocuments } from '../../functions/decide/check/documents.ts'
import { access, agent, ask, policyOf, role, verdict } from './world.ts'

/** What people who run and support systems type every day, and the rule they would write for it. `seen`: a rule whose `*` is wide, which `policy check` says unless people see it first. */
const errands: readonly (readonly [rule: readonly string[], ...calls: readonly (readonly string[])[]])[] = [
  [['uptime'], ['uptime']], [['free', '-m'], ['free', '-m']], [['df', '-h'], ['df', '-h']], [['df', '-h', '*'], ['df', '-h', '/var/lib/docker']], [['du', '-sh', '*'], ['du', '-sh', '/var/log']], [['who'], ['who']], [['uname', '-a'], ['uname', '-a']], [['last', '-n', '20'], ['last', '-n', '20']], [['date', '-u', '+%FT%TZ'], ['date', '-u', '+%FT%TZ']],
  [['systemctl', 'status', '*', '--no-pager'], ['systemctl', 'status', 'nginx', '--no-pager'], ['systemctl', 'status', 'app@eu-1.service', '--no-pager']], [['systemctl', 'is-active', '*'], ['systemctl', 'is-active', 'sshd']], [['systemctl', 'list-units', '--failed'], ['systemctl', 'list-units', '--failed']], [['systemctl', 'list-timers'], ['systemctl', 'list-timers']], [['systemctl', 'restart', 'app'], ['systemctl', 'restart', 'app']],
  [['sudo', '-n', 'systemctl', 'reload', 'nginx'], ['sudo', '-n', 'systemctl', 'reload', 'nginx']], [['nginx', '-t'], ['nginx', '-t']],
  [['journalctl', '-u', '*', '-n', '100', '--no-pager'], ['journalctl', '-u', 'nginx.service', '-n', '100', '--no-pager']], [['journalctl', '-u', '*', '--since', '*', '--no-pager'], ['journalctl', '-u', 'app', '--since', 'today', '--no-pager'], ['journalctl', '-u', 'app', '--since', '2026-11-22', '--no-pager'], ['journalctl', '-u', 'app', '--since', '@1795341600', '--no-pager'], ['journalctl', '-u', 'app', '--since', '09:30', '--no-pager']],
  [['journalctl', '-u', '*', '--since', '1 hour ago'], ['journalctl', '-u', 'app', '--since', '1 hour ago']], [['journalctl', '-k', '-p', 'err', '-n', '50'], ['journalctl', '-k', '-p', 'err', '-n', '50']], [['dmesg', '-T', '--level', 'err,warn'], ['dmesg', '-T', '--level', 'err,warn']],
  [['tail', '-n', '*', '/var/log/nginx/error.log'], ['tail', '-n', '200', '/var/log/nginx/error.log']], [['grep', '-c', '*', '/var/log/app.log'], ['grep', '-c', 'ERROR', '/var/log/app.log'], ['grep', '-c', 'connection.refused', '/var/log/app.log'], ['grep', '-c', 'ada@acme.dev', '/var/log/app.log']], [['grep', '-i', 'out of memory', '/var/log/kern.log'], ['grep', '-i', 'out of memory', '/var/log/kern.log']], [['zgrep', '-c', '*', '/var/log/app.log.1.gz'], ['zgrep', '-c', 'req_01J9Z', '/var/log/app.log.1.gz']],
  [['ps', 'aux', '--sort', '-%mem'], ['ps', 'aux', '--sort', '-%mem']], [['ps', '-p', '*', '-o', 'pid,etime,rss,cmd'], ['ps', '-p', '4711', '-o', 'pid,etime,rss,cmd'], ['ps', '-p', '1,4711', '-o', 'pid,etime,rss,cmd']], [['top', '-b', '-n', '1'], ['top', '-b', '-n', '1']], [['vmstat', '1', '5'], ['vmstat', '1', '5']], [['iostat', '-x', '1', '3'], ['iostat', '-x', '1', '3']], [['lsof', '-i', '*'], ['lsof', '-i', ':8080'], ['lsof', '-i', 'TCP:443']],
  [['ss', '-tlnp'], ['ss', '-tlnp']], [['ss', '-tn', 'sport = :443'], ['ss', '-tn', 'sport = :443']], [['ip', 'addr', 'show', '*'], ['ip', 'addr', 'show', 'eth0']], [['ip', 'route'], ['ip', 'route']], [['ping', '-c', '3', '*'], ['ping', '-c', '3', 'db.internal'], ['ping', '-c', '3', '10.0.0.7'], ['ping', '-c', '3', '2001:db8::1']], [['dig', '+short', '*'], ['dig', '+short', 'api.acme.dev']], [['getent', 'hosts', '*'], ['getent', 'hosts', 'db.internal']], [['nc', '-zv', 'db.internal', '*'], ['nc', '-zv', 'db.internal', '5432']],
  [['curl', '-sS', '-o', '/dev/null', '-w', '%{http_code} %{time_total}', 'http://127.0.0.1:8080/healthz'], ['curl', '-sS', '-o', '/dev/null', '-w', '%{http_code} %{time_total}', 'http://127.0.0.1:8080/healthz']], [['openssl', 'x509', '-in', '/etc/ssl/acme.pem', '-noout', '-enddate'], ['openssl', 'x509', '-in', '/etc/ssl/acme.pem', '-noout', '-enddate']], [['certbot', 'certificates'], ['certbot', 'certificates']],
  [['docker', 'ps', '--format', '{{.Names}} {{.Status}}'], ['docker', 'ps', '--format', '{{.Names}} {{.Status}}']], [['docker', 'logs', '--tail', '100', '*'], ['docker', 'logs', '--tail', '100', 'web-1']], [['docker', 'stats', '--no-stream'], ['docker', 'stats', '--no-stream']], [['docker', 'inspect', '-f', '{{.State.Health.Status}}', '*'], ['docker', 'inspect', '-f', '{{.State.Health.Status}}', 'web-1']], [['kubectl', 'get', 'pods', '-n', '*'], ['kubectl', 'get', 'pods', '-n', 'web']],
  [['ls', '-la', '*'], ['ls', '-la', '/srv/app/releases']], [['stat', '*'], ['stat', '/srv/app/current']], [['cat', '/proc/loadavg'], ['cat', '/proc/loadavg']], [['find', '/var/log', '-name', '\\*.gz', '-mtime', '*'], ['find', '/var/log', '-name', '*.gz', '-mtime', '+30']], [['find', '/srv/uploads', '-size', '*'], ['find', '/srv/uploads', '-size', '100M']], [['sha256sum', '/srv/app/current.tar'], ['sha256sum', '/srv/app/current.tar']], [['git', '-C', '/srv/app', 'log', '-n', '5', '--oneline', '*'], ['git', '-C', '/srv/app', 'log', '-n', '5', '--oneline', 'origin/main'], ['git', '-C', '/srv/app', 'log', '-n', '5', '--oneline', 'v1.2.0..v1.3.0']],
  [['id', '*'], ['id', 'deploy']], [['getent', 'passwd', '*'], ['getent', 'passwd', 'deploy']], [['crontab', '-l'], ['crontab', '-l']], [['timedatectl'], ['timedatectl']], [['hostnamectl'], ['hostnamectl']], [['apt', 'list', '--upgradable'], ['apt', 'list', '--upgradable']], [['postqueue', '-p'], ['postqueue', '-p']], [['redis-cli', 'info', 'memory'], ['redis-cli', 'info', 'memory']], [['rabbitmqctl', 'list_queues', 'name', 'messages'], ['rabbitmqctl', 'list_queues', 'name', 'messages']],
  [['psql', '-d', 'shop', '-c', 'select count(\\*) from orders'], ['psql', '-d', 'shop', '-c', 'select count(*) from orders']], [['/opt/app/bin/resend-invoice', '*'], ['/opt/app/bin/resend-invoice', 'INV-2026-0042']], [['/opt/app/bin/unlock-user', '*'], ['/opt/app/bin/unlock-user', 'ada@acme.dev'], ['/opt/app/bin/unlock-user', 'ada+test@acme.dev']], [['python3', '/opt/app/report.py', '--day', '*'], ['python3', '/opt/app/report.py', '--day', '2026-11-22']], [['timeout', '60', 'traceroute', '-n', '*'], ['timeout', '60', 'traceroute', '-n', '10.0.0.7']],
]
const host = { version: 1, kind: 'connection', name: 'bastion', engine: 'ssh', secret: 'b' }
const steward = role('platform', [{ allow: ['apply'], connection: 'sluice', on: ['policy'] }])
const rules = role('r', [{ allow: ['exec'], connection: 'bastion', on: errands.map(([rule]) => rule) }])

test(`${errands.length} daily commands are rules that nothing is said against, and run as they are typed`, () => {
  const { findings } = checkDocuments([host, steward, rules].map((document, i) => ({ path: `${i}.yaml`, document })))
  expect(findings.map(({ message }) => message)).toEqual([])
  const policy = policyOf(host, rules)
  const wrong = errands.flatMap(([, ...calls]) => calls).filter((words) => verdict(ask(policy, agent('r'), [access('exec', commandLine(words), null)], { connection: 'bastion' })) !== 'permit')
  expect(wrong).toEqual([])
})

test.each([
  ['a moment with a space, where a rule has a star: an epoch (`@1795341600`) or a day says it', ['journalctl', '-u', 'app', '--since', '2026-11-22 10:00', '--no-pager']],
  ['several units, where a rule has one', ['systemctl', 'is-active', 'nginx', 'app']],
  ['options in another order', ['journalctl', '--no-pager', '-u', 'app', '-n', '100']],
  ['an option and its value in one word', ['journalctl', '-uapp', '-n', '100', '--no-pager']],
  ['a name that is not ASCII', ['ls', '-la', '/srv/łódź']],
  ['what only a shell can do', ['ps', 'aux', '|', 'grep', 'nginx']],
])('what does not fit: %s', (_, words) => {
  expect(verdict(ask(policyOf(host, rules), agent('r'), [access('exec', commandLine(words), null)], { connection: 'bastion' }))).toBe('no_rule')
})
