import { formOf, parameter, renderList, renderOne, reply, type Call, type Form, type Reply, type World } from './call.ts'
import { badRequest, expired, Failure, notFound } from './failure.ts'
import type { Kind } from './kinds.ts'
import type { Fields, Item } from './object.ts'
import { isTrue } from './path.ts'
import { fieldSelector, labelSelector, type Matches } from './selector.ts'
import type { Change } from './store.ts'
import { partial, table } from './table.ts'

function matcher(call: Call, kind: Kind): Matches {
  const [byLabel, byField] = [labelSelector(parameter(call, 'labelSelector')), fieldSelector(parameter(call, 'fieldSelector'), kind.kind)]
  const { name, verb, parts } = call.reading
  const only = verb === 'watch' && parts.length > 1 ? name : ''          // the old `/watch/` path of one object
  return (item) => byLabel(item) && byField(item) && (only === '' || item.metadata.name === only)
}
/** The namespace an object of that kind lies in; '' for one that lies in none, a namespace itself among them. */
export const placeOf = (call: Call, kind: Kind) => kind.namespaced ? call.reading.namespace : ''
export const selected = (world: World, call: Call, kind: Kind): readonly Item[] => world.store.list(kind, placeOf(call, kind)).filter(matcher(call, kind))

export function get(world: World, call: Call, kind: Kind): Reply {
  const { name } = call.reading
  const form = formOf(call)
  const item = world.store.get(kind, placeOf(call, kind), name)
  if (!item) throw notFound(kind, name)
  return reply(200, renderOne(world, kind, item, form))
}

/** In pages where `limit` says so. A `continue` is good for this process; it continues after a name, in what is there by then. */
export function getAll(world: World, call: Call, kind: Kind): Reply {
  const form = formOf(call)
  const limit = Number(parameter(call, 'limit') || 0)
  const token = parameter(call, 'continue')
  if (!Number.isInteger(limit) || limit < 0) throw badRequest('limit: Invalid value')
  const after = token === '' ? '' : readToken(token)
  const key = (item: Item) => `${item.metadata.namespace ?? ''}/${item.metadata.name}`
  const rest = selected(world, call, kind).filter((item) => after === '' || key(item) > after)
  const page = limit > 0 ? rest.slice(0, limit) : rest
  const last = page.at(-1)
  const more = rest.length - page.length
  const metadata: Fields = { resourceVersion: String(world.store.revision()), ...(more > 0 && last ? { continue: Buffer.from(JSON.stringify({ v: 'demo', start: key(last) })).toString('base64url'), remainingItemCount: more } : {}) }
  return reply(200, renderList(world, kind, page, metadata, form))
}
function readToken(token: string): string {
  try {
    const { start } = JSON.parse(Buffer.from(token, 'base64url').toString()) as { start: unknown }
    if (typeof start === 'string') return start
  } catch { /* said below */ }
  throw expired('The provided continue parameter is too old to display a consistent list result.')
}

const bookmarkEveryMs = 30_000
const longestWatchMs = 3600_000
/** Changes as they happen, one JSON document a line. Selected ones only: what stops being selected is gone as far as this watcher sees. */
export function watch(world: World, call: Call, kind: Kind): Reply {
  const form = formOf(call)
  const matches = matcher(call, kind)
  const namespace = placeOf(call, kind)
  const version = parameter(call, 'resourceVersion')
  const bookmarks = isTrue(call.reading.query.get('allowWatchBookmarks'))
  const initial = isTrue(call.reading.query.get('sendInitialEvents'))
  const seconds = Number(parameter(call, 'timeoutSeconds') || 0)
  if (version !== '' && !/^\d+$/.test(version)) throw badRequest(`Invalid value: "${version}": strconv.ParseUint: parsing "${version}": invalid syntax`)
  return {
    status: 200, body: '',
    stream({ write, end, signal }) {
      const shape = shaper(world, kind, form)
      const event = (type: string, object: Fields) => write(`${JSON.stringify({ type, object })}\n`)
      const bookmark = (more: Fields = {}) => event('BOOKMARK', shape.mark({ resourceVersion: String(world.store.revision()), creationTimestamp: null, ...more }))
      const see = ({ type, item, before }: Change) => {
        if (namespace !== '' && item.metadata.namespace !== namespace) return
        const [was, is] = [before !== null && matches(before), type !== 'DELETED' && matches(item)]
        if (was || is) event(is ? was ? 'MODIFIED' : 'ADDED' : 'DELETED', shape.item(item))
      }
      const fromNow = version === '' || version === '0' || initial
      if (fromNow) for (const item of world.store.list(kind, namespace).filter(matches)) event('ADDED', shape.item(item))
      if (initial && bookmarks) bookmark({ annotations: { 'k8s.io/initial-events-end': 'true' } })
      let stop = () => {}
      try {
        stop = world.store.follow(kind, fromNow ? world.store.revision() : Number(version), see)
      } catch (error) {
        if (!(error instanceof Failure)) throw error
        event('ERROR', error.status)
        return end()
      }
      const marks = bookmarks ? setInterval(bookmark, bookmarkEveryMs) : undefined
      const over = setTimeout(() => { stop(); clearInterval(marks); end() }, Math.min(seconds * 1000 || longestWatchMs, longestWatchMs))
      signal.addEventListener('abort', () => { stop(); clearInterval(marks); clearTimeout(over) })
    },
  }
}
function shaper(world: World, kind: Kind, { as, include }: Form) {
  let headless = false
  return {
    item(item: Item): Fields {
      if (as === 'partial') return partial(item)
      if (as === 'object') return item
      const made = table(kind.kind, [item], { include, metadata: { resourceVersion: item.metadata.resourceVersion }, now: world.now(), headless })
      headless = true                                                     // a watcher is told the columns once
      return made
    },
    mark(metadata: Fields): Fields {
      if (as === 'table') return { ...table(kind.kind, [], { include, metadata, now: world.now(), headless: true }), rows: [] }
      return as === 'partial' ? { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata } : { kind: kind.kind, apiVersion: kind.group === '' ? kind.version : `${kind.group}/${kind.version}`, metadata }
    },
  }
}
