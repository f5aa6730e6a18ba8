/**
 * What the `*` of a rule could do that its author may not have meant, by what is known of programs. For warnings: no list of programs is complete, and what is not in it is not harmless. A `*` is never an option, so `find * -name *` names
 * files and runs nothing. `run`: any command there is. `file`: any file its login may read or write. `go`: any address the host reaches. `unit`: any unit there is. `show`: options that begin with no dash.
 */
export type Reach = 'run' | 'file' | 'go' | 'unit' | 'show'
const list = (text: string): ReadonlySet<string> => new Set(text.split(' '))

/** Whatever their arguments are. */
const anything = list('ansible ansible-playbook apt apt-get aptitude at batch bun bundle busctl busybox cargo composer crictl crontab ctr dbus-send deno dnf docker dpkg ed emacs emacsclient enable eval expect gcc gdb gem git go helm insmod ip kexec kubectl ldconfig logrotate machinectl make man mariadb mariadb-dump modprobe mongo mongosh mount mysql mysqldump mysqlsh nano nerdctl nginx npm npx nvim openvpn parallel pip pip3 podman psql redis-cli rpm rsync screen script snap socat source sqlite3 ssh start-stop-daemon strace su sysctl systemd-nspawn tar tcpdump terraform tmux toybox trap vi view vim virsh visudo yarn yum zip .')
/** What they run is their first operand; what comes behind it is for that. */
const interpreters = list('ash bash csh dash elixir escript fish groovy guile java jshell julia ksh ksh93 ldd lua luajit mksh node nodejs osascript perl php pwsh pypy pypy3 python python2 python3 raku rbash Rscript ruby run-parts sh tclsh tcsh wish yash zsh')
/** Of these the first operand is a program of theirs or a pattern, the others are files. */
const scripted = list('awk gawk mawk nawk sed')
const searching = list('egrep fgrep grep jq rg yq zgrep')
const filing = list('base64 bat bzip2 cat chgrp chmod chown cmp comm cp cut dd diff egrep file fold gunzip gzip head hexdump iconv install join less ln md5sum mkdir more mv nl od openssl paste rev rm rmdir scp sdiff sftp sha1sum sha256sum shred sort split strings tac tail tee touch tr truncate uniq unlink unzip wc xxd xz zcat zless')
const going = list('aria2c curl ftp http lynx nmap openssl scp sftp w3m wget')
/** A host, and then its port. */
const calling = list('nc ncat netcat telnet')

/** Words that, named by the rule, leave nothing to run. */
const harmless: Readonly<Record<string, ReadonlySet<string>>> = {
  apt: list('list policy search show'), docker: list('diff history images info inspect logs port ps stats top version'), dpkg: list('-L -S -l -s --list --listfiles --search --status'), git: list('blame cat-file describe log ls-files ls-tree rev-list rev-parse shortlog show status'), helm: list('get history list status'),
  ip: list('addr address link neigh neighbour route'), kubectl: list('describe events get logs top version'), machinectl: list('list show status'), busctl: list('list status'), npm: list('ls outdated view'), pip: list('freeze list show'), pip3: list('freeze list show'), podman: list('diff history images info inspect logs port ps stats top version'), rpm: list('-q -qa -qi -ql -qf'), systemctl: list('cat is-active is-enabled is-failed list-dependencies list-timers list-units show status'), service: list('status'),
}
/** Programs that run the program behind them: which of their options take a word of their own, and how many operands come first. `mild`: what stands before the program says how long or how kindly it runs, not as whom or where. */
const carriers: Readonly<Record<string, { readonly takes: string; readonly first: number; readonly mild?: true }>> = {
  and: { takes: '', first: 0 }, begin: { takes: '', first: 0 }, noglob: { takes: '', first: 0 }, or: { takes: '', first: 0 }, builtin: { takes: '', first: 0 }, chroot: { takes: '', first: 1 }, chrt: { takes: '', first: 1, mild: true }, command: { takes: '', first: 0 }, doas: { takes: 'Cu', first: 0 }, env: { takes: 'CSu', first: 0 }, exec: { takes: 'a', first: 0 }, flock: { takes: 'Ew', first: 1 }, ionice: { takes: 'cn', first: 0, mild: true }, nice: { takes: 'n', first: 0, mild: true },
  nohup: { takes: '', first: 0 }, not: { takes: '', first: 0 }, nsenter: { takes: 'GSt', first: 0 }, pkexec: { takes: '', first: 0 }, runuser: { takes: 'Gcgsu', first: 0 }, setarch: { takes: '', first: 1 }, linux32: { takes: '', first: 0 }, linux64: { takes: '', first: 0 }, unbuffer: { takes: '', first: 0 }, setpriv: { takes: '', first: 0 }, setsid: { takes: '', first: 0 }, stdbuf: { takes: 'eio', first: 0, mild: true }, sudo: { takes: 'CDRTUghpru', first: 0 }, 'systemd-run': { takes: 'pu', first: 0 },
  taskset: { takes: '', first: 1, mild: true }, time: { takes: 'fo', first: 0, mild: true }, timeout: { takes: 'ks', first: 1, mild: true }, unshare: { takes: 'RSG', first: 0 }, watch: { takes: 'n', first: 0, mild: true }, xargs: { takes: 'EILPadns', first: 0, mild: true },
}
/** Options whose word is no operand, of programs whose operands are files. */
const valued: Readonly<Record<string, string>> = { cut: 'bcdf', grep: 'ABCm', egrep: 'ABCm', fgrep: 'ABCm', zgrep: 'ABCm', head: 'cn', sort: 'kt', split: 'abln', tail: 'cns', curl: 'Hm', ps: 'CGUgopqstu', wget: 'Tt' }
const [running, writing] = [list('-exec -execdir -ok -okdir'), list('-delete -fls -fprint -fprint0 -fprintf')]

/** What of a command a `*` could make it do; `program`: the one that would. null: as far as is known, nothing unmeant. */
export function reachOf(words: readonly string[]): { readonly program: string; readonly reach: Reach } | null {
  let at = 0
  for (;;) {
    const program = words[at] ?? ''
    if (program === '*') return { program: words[0] ?? '', reach: 'run' }
    const carrier = own(carriers, nameOf(program))
    if (carrier === undefined) break
    const next = operands(words, at, carrier.takes).filter((i) => nameOf(program) !== 'env' || !/^\w+=/.test(words[i] ?? ''))[carrier.first]
    if (words.slice(at, next).includes('*') && !(carrier.mild && next !== undefined)) return { program, reach: 'run' }
    if (next === undefined) return null
    at = next
  }
  const reach = reached(words.slice(at))
  return reach === null ? null : { program: words[at] ?? '', reach }
}

function reached(words: readonly string[]): Reach | null {
  const program = nameOf(words[0] ?? '')
  const star = words.indexOf('*')
  if (star === -1) return null
  const named = words.slice(1, star)
  const all = operands(words, 0, own(valued, program) ?? '')
  const [first, ...others] = all.map((i) => words[i] === '*')
  if (program === 'find') return named.some((word) => running.has(word)) ? 'run' : words.some((word) => running.has(word) || writing.has(word)) ? 'file' : null
  // The verb stands before the units of one and behind the unit of the other; elsewhere its word is a unit's name, and the star may be the verb.
  if (program === 'systemctl' || program === 'service') return (program === 'service' ? words.slice(star + 1, star + 2) : named).some((word) => own(harmless, program)?.has(word)) ? null : 'unit'
  if (named.some((word) => own(harmless, program)?.has(word))) return null
  if (anything.has(program)) return 'run'
  if (interpreters.has(program)) return first ? 'run' : null
  if (scripted.has(program)) return first && !named.some((word) => /^-[ef]$/.test(word)) ? 'run' : 'file'
  if (searching.has(program)) return others.includes(true) || (first && named.some((word) => /^-[ef]$/.test(word))) ? 'file' : null
  if (program === 'ps') return all.some((i) => words[i] === '*') ? 'show' : null
  if (calling.has(program)) return first ? 'go' : null
  if (going.has(program)) return all.some((i) => words[i] === '*') ? 'go' : null
  return filing.has(program) && all.some((i) => words[i] === '*') ? 'file' : null
}

/** Where the words behind a program stand that are neither options nor theirs. */
function operands(words: readonly string[], at: number, takes: string): readonly number[] {
  const found: number[] = []
  for (let i = at + 1, ended = false; i < words.length; i++) {
    const word = words[i] ?? ''
    if (ended || word === '-' || !word.startsWith('-')) { found.push(i); continue }
    if (word === '--') ended = true
    else if (!word.startsWith('--') && takes.includes(word.at(-1) ?? ' ')) i++
  }
  return found
}
/** All that are known here. */
const programs: ReadonlySet<string> = new Set([...anything, ...interpreters, ...scripted, ...searching, ...filing, ...going, ...calling, ...Object.keys(carriers), 'find', 'ps', 'service', 'systemctl'])
/** As Debian and others name one of several: `python3.11`, `perl5.36.0`, `bash-5.2`, `vim.tiny`, `nc.openbsd`. `python3` and `md5sum` stay what they are. */
const nameOf = (word: string): string => {
  const name = word.slice(word.lastIndexOf('/') + 1)
  const plain = name.replace(/[.-](?:basic|tiny|nox|gtk3|openbsd|traditional|distrib|real|static|exe)$/, '')
  const [stem = plain] = /^[A-Za-z]+(?:-[A-Za-z]+)*(?=-?\d[\d.]*$)/.exec(plain) ?? []
  return programs.has(plain) || !programs.has(stem) ? plain : stem
}
const own = <T>(table: Readonly<Record<string, T>>, name: string): T | undefined => (Object.hasOwn(table, name) ? table[name] : undefined)
