import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { serve } from './serve.ts'

/**
 * The protocol's own conformance suite, every server scenario of it, at a gate on a loopback port. What cannot pass is listed by check, with the reason; a
 * failure that is not listed fails this test, and so does an entry that does not fail any more.
 */
const noFixture = 'calls a tool of the suite\'s own example server, which a gate in front of databases does not offer'
const notOffered = 'asks for prompts, resources, completions or log levels, which are not offered and not advertised'
const neverAsks = 'wants a server that asks its client for input; this one never does'
const toolFixtures = ['audio', 'embedded-resource', 'error', 'image', 'mixed-content', 'simple-text', 'with-progress'].map((name) => `tools-call-${name}`)
const surfaces = ['completion-complete', 'prompts-get-embedded-resource', 'prompts-get-simple', 'prompts-get-with-args', 'prompts-get-with-image', 'prompts-list', 'resources-list', 'resources-read-binary', 'resources-read-text', 'resources-templates-read']
const because = (reason: string, checks: readonly string[]) => checks.map((check) => [check, reason] as const)
const shared = [...because(noFixture, [...toolFixtures, 'json-schema-2020-12-tool-found']), ...because(notOffered, surfaces)]

const cannotPass: Readonly<Record<string, ReadonlyMap<string, string>>> = {
  '2026-07-28': new Map([
    ...shared,
    ...because(notOffered, ['sep-2549-prompts-list-caching-hints', 'sep-2549-resources-list-caching-hints', 'sep-2549-resources-templates-list-caching-hints']),
    ...because('wants a tool whose arguments are copied into headers; here a statement must not travel in one', ['sep-2243-server-no-xmcp-tool', 'sep-2243-server-decode-base64', 'sep-2243-server-validate-param-match', 'sep-2243-server-reject-invalid-param-chars', 'sep-2243-server-reject-param-mismatch']),
    ...because(neverAsks, [
      'sep-2322-elicitation-incomplete', 'sep-2322-list-roots-incomplete', 'sep-2322-sampling-incomplete', 'sep-2322-respect-client-capabilities', 'sep-2322-multi-round-r1', 'sep-2322-multiple-inputs-incomplete',
      'sep-2322-non-tool-incomplete', 'sep-2322-request-state-incomplete', 'sep-2322-result-type-included', 'sep-2322-reject-tampered-state', 'sep-2575-server-rejects-undeclared-capability', 'sep-2575-missing-capability-http-400',
    ]),
    ...because(noFixture, ['sep-2575-http-server-no-independent-requests-on-stream', 'sep-2575-server-no-log-without-loglevel']),
  ]),
  '2025-11-25': new Map([
    ...shared,
    ...because(notOffered, ['logging-set-level', 'resources-subscribe', 'resources-unsubscribe', 'tools-call-with-logging']),
    ...because(neverAsks, ['tools-call-elicitation', 'tools-call-sampling', 'elicitation-sep1034-general', 'elicitation-sep1330-general']),
  ]),
}

let gate: Awaited<ReturnType<typeof serve>>
const directory = mkdtempSync(join(tmpdir(), 'sluice-conformance-'))
beforeAll(async () => { gate = await serve() })
afterAll(async () => {
  await gate.close()
  rmSync(directory, { recursive: true, force: true })
})

interface Check { readonly id: string; readonly status: 'SUCCESS' | 'FAILURE' | 'WARNING' | 'SKIPPED' | 'INFO'; readonly errorMessage?: string }
async function checksOf(revision: string): Promise<readonly Check[]> {
  const out = join(directory, revision)
  const cli = join(import.meta.dirname, '../../node_modules/@modelcontextprotocol/conformance/dist/index.js')
  const child = spawn(process.execPath, [cli, 'server', '--url', `${gate.url}/mcp`, '--suite', 'all', '--spec-version', revision, '-o', out], { stdio: ['ignore', 'ignore', 'inherit'], cwd: directory })
  await new Promise((resolve) => child.once('close', resolve))
  return readdirSync(out).flatMap((scenario) => JSON.parse(readFileSync(join(out, scenario, 'checks.json'), 'utf8')) as Check[])
}

test.each([['2026-07-28', 80], ['2025-11-25', 30]] as const)('revision %s: all checks pass but those listed', async (revision, least) => {
  const checks = await checksOf(revision)
  const listed = cannotPass[revision] ?? new Map<string, string>()
  const failed = checks.filter(({ status }) => status === 'FAILURE')
  const passed = checks.filter(({ status }) => status === 'SUCCESS').length
  console.log(`conformance ${revision}: ${passed} checks pass, ${listed.size} cannot apply`)
  expect(failed.filter(({ id }) => !listed.has(id)).map(({ id, errorMessage }) => `${id}: ${errorMessage}`)).toEqual([])
  expect([...listed.keys()].filter((id) => !failed.some((check) => check.id === id))).toEqual([])
  expect(passed).toBeGreaterThanOrEqual(least)
})
