import { streamHandle } from 'hono/aws-lambda'
import { createApp } from './app.ts'
import { behindEdge } from './aws/edge.ts'
import { createLambdaParts } from './aws/lambda.ts'
import { createPorts } from './aws/ports.ts'
import { isPermit } from './decide/permit.ts'
import { createKubernetes } from './protocol/kubernetes/kubernetes.ts'
import { createPostgres } from './protocol/postgres/postgres.ts'
import { ofFunctionUrl } from './target.ts'

/** AWS Lambda behind a function URL, its answers streamed. What it reads of its environment: aws/lambda.ts, aws/dynamo.ts. */
const parts = createLambdaParts()
const postgres = createPostgres({ ...parts, now: Date.now, isPermit })
const kubernetes = createKubernetes({ ...parts, now: Date.now, isPermit })

export const handler = streamHandle(behindEdge(createApp(createPorts({ ...parts, engines: { postgres, kubernetes } }), undefined, ofFunctionUrl)))
