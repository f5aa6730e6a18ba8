import { startDynamo } from '../../functions/local/dynamodb.ts'

/** A server of its own process, to be killed. Says where it listens. */
const server = await startDynamo({ directory: process.argv[2] ?? '' })
process.stdout.write(`${server.url}\n`)
process.on('disconnect', () => process.exit(0))
