import { appendFileSync } from 'node:fs'
import { startStepFunctions } from '../../functions/local/stepfunctions.ts'
import { credentials, functionArn } from './machine.ts'

/** A server of its own process, to be killed. Says where it listens, and writes down each call of its function before it answers. */
const [directory = '', log = ''] = process.argv.slice(2)
const server = await startStepFunctions({ directory, credentials, alarm: (what) => { appendFileSync(log, `alarm ${what}\n`) } })
server.run(new Map([[functionArn, async (event) => {
  const { step, request, token = '' } = event as { step: string; request: string; token?: string }
  appendFileSync(log, `${step} ${request} ${token}\n`)
  await new Promise((resolve) => { setTimeout(resolve, Buffer.from(`${step} ${request}`).reduce((sum, byte) => sum + byte, 0) % 8) })      // so that calls overlap, each time alike
  return step === 'proceed' ? { status: 'succeeded' } : {}
}]]))
process.stdout.write(`${server.url}\n`)
process.on('disconnect', () => process.exit(0))
