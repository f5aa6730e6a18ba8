import ssh2 from 'ssh2'
import type { ConnectionDocument } from '../../../schema/policy.ts'
import type { Finding, Grants, Ruled } from '../protocol.ts'
import { publicBlob } from './certificate.ts'
import type { Host } from './host.ts'

/**
 * What the host must have, as lines for the person who runs it; asks the host nothing. With an authority the host itself holds every login to the one command that was decided on; with a key of the login's own the gate alone does, and that is said.
 */
export function grants({ name }: ConnectionDocument, { credential, login, host }: Host, logins: readonly string[], rules: readonly Ruled[]): Grants {
  const users = logins.length > 0 ? logins : login === null ? [] : [login]
  const findings: Finding[] = [
    ...('key' in credential ? [{ level: 'warning', name, message: 'its secret is a key of the login\'s own, which opens it for any command: whoever gets hold of it is held by nothing. With `authority` each command has a certificate for that command alone' } as const] : []),
    ...users.filter((user) => user === 'root').map((user): Finding => ({ level: 'warning', name: user, message: 'commands run as root: give the connection a login of its own, and let `sudo` have the commands that need more' })),
    ...(users.length === 0 ? [{ level: 'error', name, message: 'no login: the secret\'s `url` names none, and the connection has no `logins`' } as const] : []),
  ]
  const commands = [...new Set(rules.filter(({ actions }) => actions.includes('exec') || actions.includes('*')).flatMap(({ on }) => on))].toSorted()
  const script = [
    `# On ${host}, as root. What the gate may run there is what these rules name:`, ...commands.map((command) => `#   ${command}`), '',
    ...users.filter((user) => user !== 'root').map((user) => `id -u ${user} >/dev/null 2>&1 || useradd --system --create-home --shell /bin/sh ${user}`),
    ...('authority' in credential ? [
      `echo 'ssh-ed25519 ${publicBlob(credential.authority).toString('base64')} sluice-${name}' > /etc/ssh/sluice_${name}.pub`,
      'cat > /etc/ssh/sshd_config.d/10-sluice.conf <<\'END\'', `TrustedUserCAKeys /etc/ssh/sluice_${name}.pub`,
    ] : [
      ...users.map((user) => `install -d -m 700 -o ${user} ~${user}/.ssh && echo 'restrict ${publicLine(credential.key)} sluice-${name}' >> ~${user}/.ssh/authorized_keys`),
      'cat > /etc/ssh/sshd_config.d/10-sluice.conf <<\'END\'',
    ]),
    ...users.flatMap((user) => [`Match User ${user}`, '  AuthenticationMethods publickey', ...('authority' in credential ? ['  AuthorizedKeysFile none'] : []), '  DisableForwarding yes', '  PermitTTY no', '  PermitUserRC no']),
    'Match all', 'END', 'sshd -t && systemctl reload ssh',
  ]
  return { script: `${script.join('\n')}\n`, roles: users.map((user) => ({ use: 'write', name: user })), findings }
}

function publicLine(key: string): string {
  const parsed = ssh2.utils.parseKey(key)
  const [first] = parsed instanceof Error ? [] : [parsed].flat()
  return first === undefined ? '' : `${first.type} ${first.getPublicSSH().toString('base64')}`
}
