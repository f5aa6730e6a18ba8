/**
 * The target port: all that the engine asks of whatever carries its statements. Two implement it, and pass one suite (test/contract/target.ts): Neon's serverless driver (transport.ts: HTTP for reads, WebSocket for
 * writes), and the server's own protocol by `pg` (direct.ts), for targets that only a private network reaches. `url` is always the value of a secret; no error has a word of it.
 */
export interface Transport {
  /**
   * One read-only transaction at read committed, every statement through the extended protocol (so a text is one statement or an error); an error in one of them stops all that follow, and nothing of it stays.
   * `bytes`: at least what the values are as JSON. `cut`: the answer went past `maxBytes` and its last result holds only the rows that came whole; `rowCount` is then null. Throws TransportError (`too-large`
   * also where the cut fell before the last result), or the server's error with `code`.
   */
  readonly batch: (batch: Batch) => Promise<{ readonly results: readonly RawResult[]; readonly cut: boolean; readonly bytes: number }>
  /** A session for a transaction of our own, waiting for a place at most `timeoutMs`. `cut`, `whose`: as of a batch, for all that is run in it. Throws TransportError or the server's refusal to let us in. */
  readonly take: (url: string, timeoutMs: number, cut?: AbortSignal, whose?: string) => Promise<Session>
  /** Ends what is at rest. */
  readonly close: () => Promise<void>
}
/** `cut`: once it is aborted the server is told to stop, and that is TransportError `cut`. A transport that cannot tell the server ignores it. `whose`: `Run.whose`. */
export interface Batch { readonly url: string; readonly statements: readonly Sql[]; readonly maxBytes: number; readonly timeoutMs: number; readonly cut?: AbortSignal | undefined; readonly whose?: string | undefined }
export interface Sql { readonly text: string; readonly values: readonly (string | null)[] }
export interface Field { readonly name: string; readonly tableID: number; readonly columnID: number; readonly dataTypeID: number; readonly dataTypeModifier: number }
/** One result as the server sent it: values are its text, in arrays. */
export interface RawResult { readonly command: string; readonly rowCount: number | null; readonly fields: readonly Field[]; readonly rows: readonly (readonly (string | null)[])[] }

/** One connection, with the promise that a text is one statement and an answer has a bound. */
export interface Session {
  /**
   * Through the extended protocol, so that a text of several statements is an error of the server. Throws TransportError after which the session
   * is gone (`timeout`, `too-large`, `unreachable`), or the server's error with `code` and `severity`.
   */
  run(sql: Sql, bounds: { readonly maxBytes: number; readonly timeoutMs: number }): Promise<RawResult>
  /** Given back. Only after a COMMIT or ROLLBACK that the server confirmed. */
  release(): void
  /** Cut at once, without a word: the server rolls back what was not committed. */
  destroy(): void
  /** true when it was used before. */
  readonly kept: boolean
}
