import { streamHandle } from 'hono/aws-lambda'
import { createApp } from './app.ts'
import { createApart } from './aws/apart.ts'
import { behindEdge } from './aws/edge.ts'
import { createAnsweringParts } from './aws/lambda.ts'
import { createPorts } from './aws/ports.ts'
import { createEngines } from './engines.ts'
import { inTime } from './remaining.ts'
import { ofFunctionUrl } from './target.ts'

/** AWS Lambda behind a function URL, for calls that wait for people, and for all that speaks the Model Context Protocol, which waits inside its calls. Else as http.ts; the record's index it does not have. */
const parts = createAnsweringParts()
const ports = createPorts({ ...parts, engines: createEngines(parts, (own) => createApart({ ...parts, ...own })) })

export const handler = streamHandle(behindEdge(inTime(createApp(ports, undefined, ofFunctionUrl, () => import('./mcp.ts'))), 'all'))
