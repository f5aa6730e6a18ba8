import { readFileSync, writeFileSync } from 'node:fs'
import { cpus, loadavg } from 'node:os'
import { join } from 'node:path'
import { measure } from './scale/measure.ts'
import { serve, type World } from './scale/serve.ts'
import { mix, tell } from './scale/tell.ts'

/**
 * `node bench/scale.ts [--write]`: what a deployment needs, from what requests do; `--write` puts it into docs/scale.md, between its marks. First each kind of request is made on real local servers, in a process of its own whose CPU is
 * counted, every DynamoDB operation taken down on its way (scale/capacity.ts); then the sequencer puts all of it into a log, by the adapter of S3; then whoever looks through the record each minute does so. Then 10 000 agents are
 * played for ten minutes against the keys that schema/item.ts makes (scale/play.ts). COUNT: reads that are made, 6000. PRICES and ROUND_TRIP_MS: scale/tell.ts.
 */
if (process.argv[2] === 'serve') await serve(process.argv[3] === 'gate' ? 'gate' : 'sequencer', JSON.parse(process.argv[4] ?? '{}') as World)
else {
  const text = `${tell(await measure(mix.shares))}\n\nNode ${process.version}, ${cpus().length} × ${cpus()[0]?.model.trim()}, load average ${loadavg()[0]?.toFixed(1)} at the end: whatever is counted in seconds is slower for it.`
  console.log(text)
  if (process.argv.includes('--write')) {
    const file = join(import.meta.dirname, '../docs/scale.md')
    const [before, , after] = readFileSync(file, 'utf8').split(/<!-- (?:node bench\/scale\.ts|end) -->\n/)
    if (after === undefined) throw new Error('docs/scale.md has lost its marks')
    writeFileSync(file, `${before}<!-- node bench/scale.ts -->\n${text}\n<!-- end -->\n${after}`)
  }
  process.exit()
}
