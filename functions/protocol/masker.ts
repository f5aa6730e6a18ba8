/**
 * One answer being masked, chunk by chunk, whatever its form. What `write` and `end` give may leave; it keeps no more than one item or line.
 * Both throw where the answer is not what it must be: then nothing more of it leaves.
 */
export interface Masker {
  write(chunk: Uint8Array): Uint8Array
  /** `cut`: it ended before its end, so of its last line nobody knows how it goes on. */
  end(cut?: boolean): Uint8Array
  /** Objects, watch events or lines given so far. */
  readonly items: number
  /** Detector → hits. */
  readonly detected: Readonly<Record<string, number>>
  /** Of a watch: the newest version it gave, null: none yet; and whether the server said that it is over. */
  readonly last?: string | null
  readonly over?: boolean
}
