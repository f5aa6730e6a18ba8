import { createApp } from '../../functions/app.ts'
import { run } from '../../functions/cli/run.ts'
import type { Terminal } from '../../functions/cli/terminal.ts'
import type { Bundle } from '../../schema/policy.ts'
import type { App } from '../support/caller.ts'
import { createWorld, type TokenOptions, type World } from '../support/ports.ts'

/** The command line against an app in this process: what it printed where, and how it ended. */
export interface Console {
  readonly world: World
  readonly sent: { readonly url: string; readonly init: RequestInit }[]
  readonly bootstrapped: Bundle[]
  sluice(args: readonly string[], given?: { readonly as?: TokenOptions; readonly env?: Readonly<Record<string, string>>; readonly input?: string; readonly columns?: number | null; readonly color?: boolean; readonly ask?: (question: string) => Promise<string> }): Promise<{ readonly code: number; readonly out: string; readonly err: string }>
}

export function createConsole(world: World = createWorld(), app: App = createApp(world.ports)): Console {
  const sent: { url: string; init: RequestInit }[] = []
  const bootstrapped: Bundle[] = []
  return {
    world, sent, bootstrapped,
    async sluice(args, { as, env = {}, input = '', columns = null, color = false, ask } = {}) {
      let [out, err] = ['', '']
      const terminal: Terminal = {
        out: (text) => { out += text }, err: (text) => { err += text }, input: async () => input, columns, color, ...(ask === undefined ? {} : { ask }),
        env: { HOME: '/nowhere', ...(as === undefined ? {} : { SLUICE_TOKEN: await world.token(as) }), ...env },
      }
      const fetch = async (url: string, init: RequestInit) => { sent.push({ url, init }); return app.request(url.replace('http://127.0.0.1:8787', ''), init) }
      const bootstrap = async (bundle: Bundle) => { bootstrapped.push(bundle); return bootstrapped.length === 1 }
      return { code: await run(args, { terminal, fetch, bootstrap }), out, err }
    },
  }
}
