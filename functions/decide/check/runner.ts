/** Programs that can run what one of their arguments says, or write any file. */
const runners = new Set('. apt ash awk bash busybox crontab dash dd docker dpkg ed emacs eval exec expect find fish gawk gdb git ip ksh kubectl less lua make man more nano node parallel perl php pip podman psql python python2 python3 rsync ruby screen script sed sh source sqlite3 ssh tar tcpdump tcsh tee tmux vi vim wget curl zip zsh'.split(' '))
/** Programs that run the program behind them. */
const carriers = new Set('chroot doas env flock ionice nice nohup nsenter setsid strace su sudo systemd-run taskset time timeout unshare watch xargs'.split(' '))

/** The program that makes a rule's `*` mean any command; null: as far as is known, none. For a warning: no list of programs is complete. `sudo` and the like count for the program behind them, where one is named. */
export function runnerIn(words: readonly string[]): string | null {
  const program = (word: string): string => word.slice(word.lastIndexOf('/') + 1)
  let at = 0
  for (;;) {
    const word = words[at] ?? ''
    const star = words.indexOf('*', at + 1)
    if (star === -1) return null
    if (!carriers.has(program(word))) return runners.has(program(word)) ? word : null
    const next = words.findIndex((one, i) => i > at && !one.startsWith('-') && !/^\d|=/.test(one))
    if (next === -1 || words[next] === '*' || star < next) return word
    at = next
  }
}
