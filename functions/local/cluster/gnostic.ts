import { fields, isFields, list, text, type Fields } from './object.ts'

/**
 * An OpenAPI v2 document in the protobuf form of google/gnostic's OpenAPIv2.proto, the only one that older kubectl asks for. Of that schema only what openapi.ts
 * says; field numbers are the proto file's.
 */
const varint = (value: number): number[] => value < 128 ? [value] : [value % 128 + 128, ...varint(Math.floor(value / 128))]
const bytes = (field: number, content: Uint8Array): Buffer => Buffer.concat([Buffer.from([...varint(field * 8 + 2), ...varint(content.length)]), content])
const string = (field: number, value: unknown): Buffer => typeof value === 'string' && value !== '' ? bytes(field, Buffer.from(value)) : Buffer.alloc(0)
const flag = (field: number, value: unknown): Buffer => value === true ? Buffer.from([...varint(field * 8), 1]) : Buffer.alloc(0)
const named = (field: number, values: unknown, encode: (value: Fields) => Buffer): Buffer => Buffer.concat(Object.entries(fields(values)).map(([name, value]) => bytes(field, Buffer.concat([string(1, name), bytes(2, encode(fields(value)))]))))

/** `x-…` members, each as YAML, of which JSON is a part. */
const extensions = (field: number, value: Fields): Buffer => Buffer.concat(Object.entries(value).filter(([name]) => name.startsWith('x-')).map(([name, inner]) =>
  bytes(field, Buffer.concat([string(1, name), bytes(2, string(2, JSON.stringify(inner)))]))))

function schema(value: Fields): Buffer {
  return Buffer.concat([
    string(1, value['$ref']), string(2, value['format']), string(4, value['description']), ...list(value['required']).map((name) => string(19, name)),
    isFields(value['additionalProperties']) ? bytes(21, bytes(1, schema(value['additionalProperties']))) : Buffer.alloc(0),
    value['type'] === undefined ? Buffer.alloc(0) : bytes(22, string(1, value['type'])),
    isFields(value['items']) ? bytes(23, bytes(1, schema(value['items']))) : Buffer.alloc(0),
    isFields(value['properties']) ? bytes(25, named(1, value['properties'], schema)) : Buffer.alloc(0),
    extensions(31, value),
  ])
}
const queryParameter = ({ name, type, uniqueItems }: Fields): Buffer => bytes(1, bytes(2, bytes(3, Buffer.concat([string(2, 'query'), string(4, name), string(6, type), flag(20, uniqueItems)]))))
const operation = (value: Fields): Buffer => Buffer.concat([...list(value['parameters']).map((one) => bytes(8, queryParameter(fields(one)))), bytes(9, Buffer.alloc(0)), extensions(13, value)])
const numbers: Readonly<Record<string, number>> = { get: 2, put: 3, post: 4, delete: 5, patch: 8 }
const pathItem = (value: Fields): Buffer => Buffer.concat(Object.entries(value).map(([method, one]) => bytes(numbers[method] ?? 0, operation(fields(one)))))

export function gnostic(document: Fields): Buffer {
  const { title, version } = fields(document['info'])
  return Buffer.concat([
    string(1, text(document['swagger'])), bytes(2, Buffer.concat([string(1, title), string(2, version)])),
    bytes(8, named(2, document['paths'], pathItem)), bytes(9, named(1, document['definitions'], schema)),
  ])
}
