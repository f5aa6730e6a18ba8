import { spawn } from 'node:child_process'
import { createServer } from 'node:http'
import { platform } from 'node:process'
import { gateUrl } from './client.ts'
import { parse, type Command } from './command.ts'
import { keepToken } from './kept.ts'
import { printJson } from './output.ts'
import { authorization, readResource, readServer, redeem } from './signin.ts'
import { exit, Stop } from './terminal.ts'
import { visible } from './visible.ts'

const usage = 'sluice login [--open] [--issuer URL] [--client ID] [--scope TEXT]'
const waitMs = 5 * 60_000

export const login: Command = {
  summary: 'sign in as yourself, in a browser',
  help: `${usage}

  sluice login            prints an address; open it, sign in, and come back
  sluice login --open     opens it too

Asks the gate (SLUICE_URL) who issues its tokens, signs in there (authorization code with PKCE, on a loopback listener) and keeps the access token for
this gate alone, readable by you alone, until it expires. SLUICE_TOKEN goes before it.

  --issuer URL       which issuer, where the gate takes tokens of several
  --client ID        client id at the issuer (sluice-cli)
  --scope TEXT       what to ask for (openid)
  --audience TEXT    for issuers that want it beside \`resource\`
  --port N           port of the loopback listener, for issuers that want it registered
  --json             the result as data`,
  run: async (args, { terminal }) => {
    const { values } = parse(args, {
      open: { type: 'boolean' }, issuer: { type: 'string' }, client: { type: 'string' }, scope: { type: 'string' }, audience: { type: 'string' },
      port: { type: 'string' }, json: { type: 'boolean' },
    }, [0, 0], usage)
    const gate = gateUrl(terminal.env)
    const { resource, issuers } = await readResource(gate)
    const issuer = values.issuer ?? (issuers.length === 1 ? issuers[0] : undefined)
    if (issuer === undefined || !issuers.includes(issuer)) throw new Stop(exit.invalid, `choose with --issuer one of those the gate takes tokens from: ${visible(issuers.join(' '))}`)
    const server = await readServer(issuer)
    const listener = await listen(port(values.port))
    try {
      const ask = { client: values.client ?? 'sluice-cli', redirect: listener.redirect, resource, scope: values.scope ?? 'openid', audience: values.audience }
      const asked = authorization(server, ask)
      terminal.err(`Sign in at\n  ${visible(asked.url)}\n`)
      if (values.open) open(asked.url, (words) => terminal.err(words))
      const { token, expiresAt } = await redeem(server, ask, asked, await listener.answer(asked.state), Date.now())
      const file = await keepToken(gate, terminal.env, Date.now(), { token, expiresAt, issuer })
      if (values.json) printJson(terminal, { gate, issuer, expiresAt: new Date(expiresAt).toISOString(), file })
      else terminal.err(`Signed in until ${new Date(expiresAt).toISOString()}; the token is in ${visible(file)}\n`)
      return exit.done
    } finally {
      listener.close()
    }
  },
}

function port(text: string | undefined): number {
  const number = text === undefined ? 0 : Number(text)
  if (!Number.isInteger(number) || number < 0 || number > 65_535) throw new Stop(exit.invalid, `a port is a number, not \`${text}\``)
  return number
}

/** One path on loopback, one right answer: the one with our `state`. Others are told nothing and end nothing, or a page elsewhere could end a sign-in. */
async function listen(wanted: number) {
  const server = createServer()
  await new Promise<void>((resolve, reject) => {
    server.once('error', () => reject(new Stop(exit.failed, `port ${wanted} is taken`)))
    server.listen(wanted, '127.0.0.1', resolve)
  })
  const address = server.address()
  const at = `http://127.0.0.1:${typeof address === 'object' && address ? address.port : wanted}`
  let timer: NodeJS.Timeout | undefined
  return {
    redirect: `${at}/callback`,
    answer: (state: string) => new Promise<URLSearchParams>((resolve, reject) => {
      timer = setTimeout(() => reject(new Stop(exit.failed, 'nobody signed in within 5 minutes')), waitMs)
      server.on('request', (req, res) => {
        const url = URL.parse(req.url ?? '', at)
        const right = req.method === 'GET' && req.headers.host === new URL(at).host && url?.pathname === '/callback' && url.searchParams.get('state') === state
        res.writeHead(right ? 200 : 404, { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store', 'x-content-type-options': 'nosniff', connection: 'close' })
        res.end(right ? 'You may close this window and go back to the terminal.\n' : 'Nothing here.\n', () => {
          if (right && url) resolve(url.searchParams)
        })
      })
    }),
    close: () => {
      clearTimeout(timer)
      server.close()
      server.closeAllConnections()
    },
  }
}

/** Hands an http(s) address, as one argument and through no shell, to what opens addresses here. */
function open(url: string, say: (words: string) => void): void {
  const child = spawn(platform === 'darwin' ? 'open' : 'xdg-open', [url], { stdio: 'ignore', detached: true })
  child.once('error', () => say('no browser could be opened; open the address yourself\n'))
  child.unref()
}
