import { parse } from 'yaml'
import type { Call, World } from './call.ts'
import { badRequest, Failure } from './failure.ts'
import { isFields, type Fields } from './object.ts'

export const contentTypeOf = ({ headers }: Pick<Call, 'headers'>): string => (headers['content-type'] ?? 'application/json').split(';')[0]?.trim().toLowerCase() ?? ''
export const unsupported = (accepted: string) => new Failure(415, 'UnsupportedMediaType', `the body of the request was in an unknown format - accepted media types include: ${accepted}`)

/** The body as JSON or YAML says it, or protobuf where this server was given a decoder. Throws 400 and 415. */
export function readBody(world: World, call: Call): unknown {
  const type = contentTypeOf(call)
  if (type === 'application/vnd.kubernetes.protobuf') {
    if (world.decode === null) throw unsupported('application/json, application/yaml')
    return world.decode(call.body)
  }
  if (/[+/]yaml$/.test(type)) return parse(call.body.toString('utf8')) as unknown
  if (!/[+/]json$/.test(type)) throw unsupported('application/json, application/yaml')
  try {
    return JSON.parse(call.body.toString('utf8')) as unknown
  } catch {
    throw badRequest(`the object provided is unrecognized (must be of type ${call.kind?.kind ?? 'Object'}): couldn't get version/kind; json parse error`)
  }
}
export function readObject(world: World, call: Call): Fields {
  const value = readBody(world, call)
  if (!isFields(value)) throw badRequest('the body is no object')
  return value
}
/** Of a delete: nothing at all is fine. What is not of its type is a bare 500, as from the real server. */
export function readOptions(world: World, call: Call): Fields {
  const options = call.body.length === 0 ? {} : readObject(world, call)
  const { gracePeriodSeconds: seconds = null, preconditions = null } = options
  if (seconds !== null && !Number.isInteger(seconds)) throw new Failure(500, '', `v1.DeleteOptions.GracePeriodSeconds: can not decode ${JSON.stringify(seconds)} as int, error found in ...|${call.body.toString('utf8').slice(-40)}|...`)
  if (preconditions !== null && !isFields(preconditions)) throw new Failure(500, '', `v1.DeleteOptions.Preconditions: readObjectStart: expect { or n, but found ${JSON.stringify(preconditions)}`)
  return options
}

/** `dryRun=All` in the query, or in the options of a delete. Throws 400 for any other value. */
export function isDry({ reading }: Call, options: Fields = {}): boolean {
  const given = [...reading.query.get('dryRun') ?? [], ...Array.isArray(options['dryRun']) ? options['dryRun'] as unknown[] : []].filter((value) => value !== '')
  if (given.some((value) => value !== 'All')) throw new Failure(422, 'Invalid', 'dryRun: Unsupported value; supported values: "All"')
  return given.length > 0
}
