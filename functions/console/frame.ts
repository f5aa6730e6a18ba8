import { createHash } from 'node:crypto'
import { html, raw } from 'hono/html'

export type Html = ReturnType<typeof html>

const style = `
:root { color-scheme: light dark; --ink: #1a1c1e; --soft: #50555b; --paper: #fff; --panel: #f3f5f7; --line: #8a9097; --link: #0b4fb3; --yes: #17653a; --no: #a3201d; --warn: #fff1c2; --warnink: #3d2e00; --yesink: #fff;
  font: 1rem/1.55 system-ui, sans-serif; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8eaed; --soft: #b3b9c0; --paper: #15181b; --panel: #1f2428; --line: #7d858d; --link: #9cc3ff; --yes: #8fd6a8; --no: #ffb1ab; --warn: #4a3a08; --warnink: #ffedb0; --yesink: #0b2a17; } }
*, ::before, ::after { box-sizing: border-box; }
body { margin: 0; color: var(--ink); background: var(--paper); overflow-wrap: anywhere; }
body > header, main { max-width: 52rem; margin: 0 auto; padding: .75rem 1rem; }
body > header { display: flex; flex-wrap: wrap; gap: 0 1rem; align-items: center; border-bottom: 1px solid var(--line); }
body > header form { margin-left: auto; } body > header span { flex-basis: 100%; order: 3; } @media (min-width: 34rem) { body > header span { flex-basis: auto; order: 0; } } body > header > a { font-weight: 700; padding: .6rem 0; } main { padding-bottom: 4rem; }
h1 { font-size: 1.45rem; line-height: 1.25; margin: 1rem 0 .5rem; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; } h3 { font-size: 1rem; margin: 1rem 0 .25rem; } p { margin: .5rem 0; }
a { color: var(--link); } :focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
.skip { position: absolute; left: -99rem; } .skip:focus { position: static; display: inline-block; padding: .6rem; }
.soft { color: var(--soft); } .name { font-weight: 600; }
.state { border: 1px solid var(--line); border-left: .4rem solid var(--line); border-radius: .3rem; padding: .6rem .9rem; background: var(--panel); margin: 1rem 0; } .state.good { border-left-color: var(--yes); } .state.bad { border-left-color: var(--no); } .state p { margin: .2rem 0; }
dl { display: grid; grid-template-columns: minmax(6rem, max-content) 1fr; gap: .3rem 1rem; margin: .5rem 0; } dt { color: var(--soft); } dd { margin: 0; min-width: 0; }
ul, ol { padding-left: 1.2rem; margin: .5rem 0; } li { margin: .35rem 0; } ul.flat, ol.flat { list-style: none; padding: 0; }
code { font: .92rem/1.6 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; font-variant-ligatures: none; white-space: break-spaces; overflow-wrap: anywhere; tab-size: 4; }
.code { border: 1px solid var(--line); border-radius: .3rem; background: var(--panel); padding: .5rem 0; }
.line { display: grid; grid-template-columns: 2.6rem 1fr; } .line code { padding: 0 .6rem 0 .4rem; min-width: 0; direction: ltr; unicode-bidi: bidi-override; min-height: 1.6em; overflow: clip; }
.no { color: var(--soft); font: .8rem/1.84 ui-monospace, monospace; text-align: right; padding-right: .4rem; user-select: none; } li .no { padding: 0; }
.value { border: 1px solid var(--line); border-radius: .3rem; background: var(--panel); padding: .3rem .6rem; unicode-bidi: isolate; } .type, .quote { color: var(--soft); font-size: .85rem; }
mark { background: #ffd84d; color: #2b2000; border-radius: .2rem; padding: 0 .25em; border: 1px solid #6b5200; unicode-bidi: isolate; display: inline-block; max-width: 100%; line-height: 1.35; white-space: normal; } mark span { font: 600 .75rem/1.35 system-ui, sans-serif; } mark b { font-weight: 400; margin-right: .3em; }
.warn { background: var(--warn); color: var(--warnink); border: 1px solid currentColor; border-radius: .3rem; padding: .5rem .8rem; }
.words { margin: .5rem 0; padding: .4rem .9rem; border-left: .25rem solid var(--line); white-space: pre-wrap; unicode-bidi: isolate; }
details summary { cursor: pointer; padding: .6rem 0; min-height: 2.75rem; } .clear { color: var(--no); font-weight: 700; }
label { display: block; font-weight: 600; margin: 1rem 0 .3rem; } textarea { width: 100%; min-height: 5rem; font: inherit; color: inherit; background: var(--paper); border: 1px solid var(--line); border-radius: .3rem; padding: .6rem; }
.choice { display: flex; flex-wrap: wrap; gap: 1rem; margin: 1rem 0; } button, .button { font: inherit; font-weight: 600; min-height: 2.75rem; padding: .5rem 1.2rem; border-radius: .4rem; border: 2px solid var(--line); background: var(--paper); color: var(--ink); cursor: pointer; text-decoration: none; display: inline-block; }
.choice button { flex: 1 1 9rem; min-height: 3.2rem; } button.yes { background: var(--yes); border-color: var(--yes); color: var(--yesink); } button.no-way { border-color: var(--no); color: var(--no); font: inherit; font-weight: 600; text-align: center; }
.card { border: 1px solid var(--line); border-radius: .4rem; padding: .75rem 1rem; margin: .75rem 0; } .card p { margin: .2rem 0; } .card a { font-weight: 600; display: inline-block; padding: .3rem 0; }
`

/**
 * The frame of the console's pages: one column from 360 px up, light or dark as the reader's device is. `who` signs the reader in by name, with the way
 * out. What is interpolated is escaped by `html`; `body` must itself come from `html`.
 */
export function frame({ title, who, body }: { readonly title: string; readonly who: string | null; readonly body: Html }): string {
  return String(html`<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex"><meta name="format-detection" content="telephone=no,email=no,address=no,date=no">
<title>${title} · Sluice</title><link rel="icon" href="data:,"><style>${raw(style)}</style></head>
<body><a class="skip" href="#content">To the content</a>
<header>${who === null ? html`<strong>Sluice</strong>` : html`<a href="/requests">Sluice: requests</a><span class="soft">Signed in as <bdi>${who}</bdi></span><form method="post" action="/signout"><button>Sign out</button></form>`}</header>
<main id="content" tabindex="-1">${body}</main></body>
</html>
`)
}

/**
 * No script, nothing loaded, nobody frames it, forms go to this origin alone. The referrer never leaves this origin; `no-referrer` would have browsers send
 * `Origin: null` with our own forms (Fetch, "append a request Origin header"), so pages with a form say `same-origin`.
 */
export const headers = (forms: boolean): Readonly<Record<string, string>> => ({
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': `default-src 'none'; style-src 'sha256-${styleHash}'; img-src data:; base-uri 'none'; form-action ${forms ? "'self'" : "'none'"}; frame-ancestors 'none'`,
  'x-frame-options': 'DENY', 'referrer-policy': forms ? 'same-origin' : 'no-referrer', 'cache-control': 'no-store', 'x-content-type-options': 'nosniff',
  'cross-origin-opener-policy': 'same-origin', 'cross-origin-resource-policy': 'same-origin', 'permissions-policy': 'interest-cohort=()', 'x-robots-tag': 'noindex',
})
const styleHash = createHash('sha256').update(style).digest('base64')
