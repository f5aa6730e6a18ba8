import { createHash } from 'node:crypto'
import { html, raw } from 'hono/html'

const style = `
:root { color-scheme: light dark; font: 1rem/1.55 system-ui, sans-serif; }
body { max-width: 42rem; margin: 0 auto; padding: 1.25rem; }
h1 { font-size: 1.4rem; line-height: 1.25; } h2 { font-size: 1.05rem; margin-top: 1.75rem; }
code { font-family: ui-monospace, monospace; font-size: .92em; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; } td, th { text-align: left; vertical-align: top; padding: .4rem .75rem .4rem 0; border-bottom: 1px solid #8884; }
a { color: LinkText; } a:focus-visible { outline: 2px solid; outline-offset: 2px; } li { margin: .35rem 0; } .quiet { opacity: .75; }
`
/**
 * The frame of every page a person sees: one column, readable on a phone, dark where the reader's device is. What is interpolated is escaped by
 * `html`; `body` must itself come from `html`.
 */
export function page(title: string, body: ReturnType<typeof html>): string {
  return String(html`<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex">
<title>${title} · Sluice</title><style>${raw(style)}</style></head>
<body><main>${body}</main></body>
</html>
`)
}

/** Only the page's own style, by its hash: no script runs, nothing is loaded, nobody frames it, no form leaves. */
export const pageHeaders: Readonly<Record<string, string>> = {
  'content-security-policy': `default-src 'none'; style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
}
