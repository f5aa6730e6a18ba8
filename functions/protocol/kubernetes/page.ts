/**
 * The target of a list, with no more objects to a page than `most`: as the API pages, so that clients which follow `continue` (kubectl and the libraries all do) see the whole list, one page a request, each decided and
 * recorded. `resourceVersion=0` lets a server answer from its cache, and then it pays no heed to a limit: left out, the list is as new or newer.
 */
export function paged(target: string, most: number): string {
  if (!Number.isSafeInteger(most)) return target
  const [path = '', query = ''] = target.split('?', 2)
  const pairs = query.split('&').filter((pair) => pair !== '')
  const asked = pairs.flatMap((pair) => { const [, count] = /^limit=([0-9]+)$/.exec(pair) ?? []; return count === undefined ? [] : [Number(count)] })[0] ?? 0
  if (asked > 0 && asked <= most) return target
  const cached = pairs.includes('resourceVersion=0')
  return `${path}?${[...pairs.filter((pair) => !/^limit=/.test(pair) && !(cached && /^resourceVersion(?:Match)?=/.test(pair))), `limit=${most}`].join('&')}`
}
