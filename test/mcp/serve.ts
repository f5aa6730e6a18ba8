import { getRequestListener } from '@hono/node-server'
import { createApp } from '../../functions/app.ts'
import { openFront } from '../../functions/local/front.ts'
import { support } from '../support/caller.ts'
import { createWorld } from '../support/ports.ts'

/**
 * A gate on a loopback port for programs that cannot sign in: a call without a token gets one on its way in. What a stranger is told is tested elsewhere
 * (door.test.ts).
 */
export async function serve() {
  const world = createWorld()
  const front = await openFront(0)
  const app = createApp({ ...world.ports, self: { ...world.ports.self, url: front.url } }, undefined, undefined, () => import('../../functions/mcp.ts'))
  const token = await world.token({ ...support, seconds: 3600 })
  const listener = getRequestListener(app.fetch)
  front.serve((request, response) => {
    if (request.headers.authorization === undefined) request.rawHeaders.push('authorization', `Bearer ${token}`)
    return listener(request, response)
  })
  return { url: front.url, world, close: front.close }
}
