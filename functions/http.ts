import { streamHandle } from 'hono/aws-lambda'
import { createApp } from './app.ts'
import { createApart } from './aws/apart.ts'
import { behindEdge } from './aws/edge.ts'
import { indexBy } from './aws/indexed.ts'
import { createAnsweringParts } from './aws/lambda.ts'
import { createPorts } from './aws/ports.ts'
import { createEngines } from './engines.ts'
import { inTime } from './remaining.ts'
import { ofFunctionUrl } from './target.ts'

/**
 * AWS Lambda behind a function URL, its answers streamed. What waits, lasts or runs on a host has functions of its own (hold.ts, lasting.ts) and is not taken here; so this one speaks no Model Context Protocol. It alone looks things
 * up in the index of the record. What it reads of its environment: aws/lambda.ts, aws/dynamo.ts.
 */
const parts = createAnsweringParts()
const ports = createPorts({ ...parts, engines: createEngines(parts, (own) => createApart({ ...parts, ...own })), search: indexBy(parts.secrets)?.search ?? null })

export const handler = streamHandle(behindEdge(inTime(createApp(ports, undefined, ofFunctionUrl)), 'brief'))
