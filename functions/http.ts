import { streamHandle } from 'hono/aws-lambda'
import { createApp } from './app.ts'
import { createApart } from './aws/apart.ts'
import { behindEdge } from './aws/edge.ts'
import { createLambdaParts } from './aws/lambda.ts'
import { createPorts } from './aws/ports.ts'
import { isPermit } from './decide/permit.ts'
import { later } from './protocol/later.ts'
import { routed } from './protocol/routed.ts'
import { inTime } from './remaining.ts'
import { ofFunctionUrl } from './target.ts'

/** AWS Lambda behind a function URL, its answers streamed. What it reads of its environment: aws/lambda.ts, aws/dynamo.ts. Engines, with their grammars and drivers, are read with the first statement of each: who is refused at the door waits for none, and nobody for another's. */
const parts = createLambdaParts()
const apart = createApart({ ...parts, isPermit })
const postgres = later(async () => (await import('./protocol/postgres/postgres.ts')).createPostgres({ ...parts, now: Date.now, isPermit }), 'granting')
const mysql = later(async () => (await import('./protocol/mysql/mysql.ts')).createMySql({ ...parts, now: Date.now, isPermit }), 'granting')
const kubernetes = later(async () => (await import('./protocol/kubernetes/kubernetes.ts')).createKubernetes({ ...parts, now: Date.now, isPermit }), 'reading', 'granting')
const ssh = later(async () => (await import('./protocol/ssh/ssh.ts')).createSsh({ ...parts, now: Date.now, isPermit }), 'granting')

export const handler = streamHandle(behindEdge(inTime(createApp(createPorts({ ...parts, engines: { postgres: routed(postgres, apart), mysql: routed(mysql, apart), kubernetes: routed(kubernetes, createApart({ ...parts, isPermit, here: kubernetes })), ssh: routed(ssh, createApart({ ...parts, isPermit, here: ssh })) } }), undefined, ofFunctionUrl))))
