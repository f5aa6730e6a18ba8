import { createApp } from '../../functions/app.ts'
import { createWorld, type TokenOptions, type World } from './ports.ts'

/** One caller at an app in this process. `json`: the body as parsed, whatever it is. */
export interface Caller {
  call(method: string, path: string, body?: unknown, headers?: Readonly<Record<string, string>>): Promise<{ readonly status: number; readonly headers: Headers; readonly text: string; readonly json: Record<string, unknown> }>
}
export type App = ReturnType<typeof createApp>

export function createGateway(world: World = createWorld(), app: App = createApp(world.ports, undefined, undefined, () => import('../../functions/mcp.ts'))): { readonly world: World; readonly app: App; as(options: TokenOptions): Promise<Caller> } {
  return {
    world, app,
    async as(options) {
      const token = await world.token(options)
      return {
        async call(method, path, body, headers = {}) {
          const response = await app.request(path, {
            method, headers: { authorization: `Bearer ${token}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
            ...(body === undefined ? {} : { body: JSON.stringify(body) }),
          })
          const text = await response.text()
          let json: unknown = null
          try { json = JSON.parse(text) } catch { json = null }
          return { status: response.status, headers: response.headers, text, json: typeof json === 'object' && json !== null ? Object.fromEntries(Object.entries(json)) : {} }
        },
      }
    },
  }
}
export const support: TokenOptions = { subject: 'agent:support-bot', groups: ['support-agents'] }
export const analyst: TokenOptions = { subject: 'agent:analyst', groups: ['analysts'] }
export const platform: TokenOptions = { subject: 'user:pia@acme.dev', groups: ['platform'] }
export const auditor: TokenOptions = { subject: 'user:aki@acme.dev', groups: ['auditors'] }
