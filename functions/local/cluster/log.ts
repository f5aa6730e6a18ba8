import { at, count, fields, list, text, type Item } from './object.ts'
import { badRequest } from './failure.ts'

export interface LogOptions { readonly container: string; readonly tail: number | null; readonly since: number | null; readonly timestamps: boolean; readonly bytes: number | null; readonly previous: boolean }
interface Line { readonly at: number; readonly text: string }

/** What a pod's containers have said: lines it was seeded with, by pod name or a prefix of it, and for everything else a start and a heartbeat. */
export interface Logs {
  lines(pod: Item, options: LogOptions): readonly string[]
  /** One more, as a container that lives says it; for `follow`. */
  next(pod: Item, options: LogOptions, tick: number): string
  say(prefix: string, lines: readonly string[]): void
}
export function containerOf(pod: Item, wanted: string): string {
  const names = list(at(pod, 'spec', 'containers')).map((one) => text(fields(one)['name']))
  if (wanted === '' && names.length > 1) throw badRequest(`a container name must be specified for pod ${pod.metadata.name}, choose one of: [${names.join(' ')}]`)
  const name = wanted || names[0] || ''
  if (!names.includes(name)) throw badRequest(`container ${name} is not valid for pod ${pod.metadata.name}`)
  return name
}

export function createLogs(now: () => number): Logs {
  const said = new Map<string, readonly string[]>()
  const spell = (line: Line, { timestamps }: LogOptions) => `${timestamps ? `${new Date(line.at).toISOString()} ` : ''}${line.text}\n`
  return {
    say: (prefix, lines) => { said.set(prefix, lines) },
    lines(pod, options) {
      const container = containerOf(pod, options.container)
      if (options.previous) throw badRequest(`previous terminated container "${container}" in pod "${pod.metadata.name}" not found`)
      const start = Date.parse(pod.metadata.creationTimestamp)
      const seeded = [...said].find(([prefix]) => pod.metadata.name.startsWith(prefix))?.[1] ?? [`${container} starting`, 'listening on :8080', 'GET /healthz 200']
      let lines = seeded.map((line, index) => ({ at: start + index * 1000, text: line }))
      const { since, tail } = options
      if (since !== null) lines = lines.filter((line) => line.at >= now() - since * 1000)
      if (tail !== null) lines = tail === 0 ? [] : lines.slice(-tail)
      const all = lines.map((line) => spell(line, options))
      if (options.bytes === null) return all
      return [all.join('').slice(0, options.bytes)]
    },
    next: (pod, options, tick) => spell({ at: now(), text: `GET /healthz 200 ${count(tick)}` }, options),
  }
}
