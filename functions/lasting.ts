import { streamHandle } from 'hono/aws-lambda'
import { createApp } from './app.ts'
import { createApart } from './aws/apart.ts'
import { behindEdge } from './aws/edge.ts'
import { createAnsweringParts } from './aws/lambda.ts'
import { createPorts } from './aws/ports.ts'
import { createMachines } from './engines.ts'
import { inTime } from './remaining.ts'
import { ofFunctionUrl } from './target.ts'

/**
 * AWS Lambda behind a function URL, for what lasts: a cluster's watches and logs that are followed, and commands, in containers and on hosts. It parses no SQL and reaches no database: whoever names one in a path that leads here is told where
 * databases are asked before an engine is looked for (resolve/connection.ts).
 */
const parts = createAnsweringParts()
const ports = createPorts({ ...parts, engines: createMachines(parts, (own) => createApart({ ...parts, ...own })) })

export const handler = streamHandle(behindEdge(inTime(createApp(ports, undefined, ofFunctionUrl)), 'lasting'))
