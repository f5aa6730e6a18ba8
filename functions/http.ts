import { streamHandle } from 'hono/aws-lambda'
import { createApp } from './app.ts'
import { createApart } from './aws/apart.ts'
import { behindEdge } from './aws/edge.ts'
import { createAnsweringParts } from './aws/lambda.ts'
import { createPorts } from './aws/ports.ts'
import { createEngines } from './engines.ts'
import { inTime } from './remaining.ts'
import { ofFunctionUrl } from './target.ts'

/** AWS Lambda behind a function URL, its answers streamed. What it reads of its environment: aws/lambda.ts, aws/dynamo.ts. */
const parts = createAnsweringParts()

export const handler = streamHandle(behindEdge(inTime(createApp(createPorts({ ...parts, engines: createEngines(parts, (own) => createApart({ ...parts, ...own })) }), undefined, ofFunctionUrl))))
