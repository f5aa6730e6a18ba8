/**
 * What is kept by its key, a statement's text: the oldest goes first. So many, and no more letters of them together than that: what a statement is understood as is a hundred times its text, and whoever sends long ones, each
 * once, would fill the gate's memory with them.
 */
export class Kept<V> {
  readonly #values = new Map<string, V>()
  readonly #most: number
  readonly #mostLetters: number
  #letters = 0
  constructor(most = 2000, mostLetters = 1_000_000) {
    this.#most = most
    this.#mostLetters = mostLetters
  }
  get(key: string): V | undefined { return this.#values.get(key) }
  set(key: string, value: V): void {
    this.#forget(key)
    for (const oldest of this.#values.keys()) {
      if (this.#values.size < this.#most && this.#letters + key.length <= this.#mostLetters) break
      this.#forget(oldest)
    }
    this.#values.set(key, value)
    this.#letters += key.length
  }
  #forget(key: string): void {
    if (this.#values.delete(key)) this.#letters -= key.length
  }
}
