/** Where a command reads and writes: data on `out`, words on `err`. Tests hand in their own. */
export interface Terminal {
  readonly out: (text: string) => void
  readonly err: (text: string) => void
  /** All of standard input, as UTF-8. */
  readonly input: () => Promise<string>
  readonly env: Readonly<Record<string, string | undefined>>
  /** Columns of the terminal, or null where data goes to a file or a pipe and is never cut. */
  readonly columns: number | null
  readonly color: boolean
  /** Standard error goes to a file or a pipe, which nothing written there can repaint. */
  readonly rawErr?: boolean
  /** Asks a person and gives the line they type, empty where they end the input. Left out where input or output is no terminal: nobody is there to ask. */
  readonly ask?: (question: string) => Promise<string>
  /** Standard error is looked at by a person: a line may be written over. */
  readonly live?: boolean
  /** Waits until what was written has gone out, so that a slow reader is no heap of text in memory. */
  readonly drained?: () => Promise<void>
}

/** Exit codes of CONTRACT.md section 1. */
export const exit = { done: 0, failed: 1, denied: 2, invalid: 3, waiting: 4 } as const
export type Exit = (typeof exit)[keyof typeof exit]

/** Ends a command with words on standard error. Thrown, because it may come from anywhere below. */
export class Stop extends Error {
  readonly code: Exit
  constructor(code: Exit, message: string) {
    super(message)
    this.name = 'Stop'
    this.code = code
  }
}
