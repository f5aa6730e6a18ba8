/** Says what a start is doing while it does it. Lines, not cursor tricks: they read the same in a terminal, a CI log and a pipe. */
export interface Progress {
  /** A step that takes a moment; the line comes when it is done, with the time it took. */
  step<T>(what: string, work: () => Promise<T>): Promise<T>
  /** A line of its own. */
  say(line: string): void
  /** Something the operator must not miss. */
  warn(line: string): void
}

export function createProgress(out: (line: string) => void, err: (line: string) => void): Progress {
  return {
    async step(what, work) {
      const begun = performance.now()
      const value = await work()
      out(`  ${what.padEnd(44)} ${((performance.now() - begun) / 1000).toFixed(1)} s`)
      return value
    },
    say: (line) => out(`  ${line}`),
    warn: (line) => err(`! ${line}`),
  }
}
