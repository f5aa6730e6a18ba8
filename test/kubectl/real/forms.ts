/** Every verb and form in which an object can be asked for, and every write known that the API server refuses in words that quote what is there. */
const table = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json' }
const patch = (kind: string) => ({ 'content-type': `application/${kind}` })
export const [merge, strategic, json, apply] = [patch('merge-patch+json'), patch('strategic-merge-patch+json'), patch('json-patch+json'), patch('apply-patch+yaml')]
type Asked = readonly [method: string, target: string, body?: unknown, headers?: Readonly<Record<string, string>>]
/** Every verb and form, then writes that the server refuses in words that quote what is there. */
export function asked(where: string, name: string, object: object): readonly Asked[] {
  const one = `${where}/${name}`
  return [
    ['GET', one], ['GET', where], ['GET', one, undefined, table], ['GET', `${where}?includeObject=Object`, undefined, table], ['GET', `${where}?limit=1`], ['GET', `${where}?fieldSelector=metadata.name%3D${name}`, undefined, table], ['HEAD', one],
    ['GET', one, undefined, { accept: 'application/vnd.kubernetes.protobuf' }], ['GET', one, undefined, { accept: 'application/yaml' }], ['GET', where, undefined, { accept: 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1' }],
    ['GET', `${where}?watch=true&timeoutSeconds=1`], ['GET', `${where}?watch=true&timeoutSeconds=1&includeObject=Object`, undefined, table], ['GET', `${where}?watch=true&timeoutSeconds=1&allowWatchBookmarks=true`, undefined, { accept: 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1' }], ['GET', `${where}?watch=true&resourceVersion=1&timeoutSeconds=1`],
    ['PATCH', one, {}, merge], ['PATCH', one, [], json], ['PATCH', `${one}?dryRun=All`, { metadata: { labels: { a: 'b' } } }, merge], ['PATCH', one, { metadata: { labels: { a: 'c' } } }, merge],
    ['PATCH', `${one}?fieldManager=me&force=true`, { ...object, metadata: { name, labels: { d: 'e' } } }, apply],
    // The server decodes what the patch made, and says around which bytes it failed.
    ...[{ data: { zz: 5 } }, { data: { aa: { b: 1 } } }, { data: [1] }, { data: 'x' }, { metadata: { labels: 5 } }, { metadata: { annotations: { a: 5 } } }, { metadata: { generation: 'x' } }, { spec: { size: 'x' } }, { spec: 7 }, { type: 5 }, { immutable: 'maybe' }].flatMap((body): Asked[] => [['PATCH', one, body, merge], ['PATCH', one, body, strategic], ['PATCH', `${one}?dryRun=All`, body, merge]]),
    ...['/data/zz', '/spec/size', '/metadata/labels', '/immutable', '/metadata/deletionTimestamp'].map((path): Asked => ['PATCH', one, [{ op: 'add', path, value: 5 }], json]),
    ['PATCH', one, [{ op: 'remove', path: '/data/none' }], json], ['PATCH', one, [{ op: 'add', path: '/data/p/x', value: 'y' }], json], ['PATCH', one, [{ op: 'replace', path: '/metadata/labels/none', value: 'y' }], json],
    ['PATCH', `${one}?fieldManager=me`, { ...object, metadata: { name }, data: { zz: 5 }, spec: { size: 'x' } }, apply], ['PATCH', `${one}?fieldManager=me`, { ...object, metadata: { name, labels: { app: 5 } } }, apply],
    ['PUT', one, { ...object, metadata: { name, resourceVersion: '1' } }], ['PUT', one, { ...object, metadata: { name, uid: 'b9b0d2a4-0000-0000-0000-000000000000' } }], ['PATCH', one, { metadata: { resourceVersion: '1', labels: { x: 'y' } } }, merge],
    ['DELETE', one, { kind: 'DeleteOptions', apiVersion: 'v1', preconditions: { resourceVersion: '1' } }], ['DELETE', one, { kind: 'DeleteOptions', apiVersion: 'v1', dryRun: ['All'] }], ['DELETE', `${where}?dryRun=All`], ['DELETE', one, { kind: 'DeleteOptions', apiVersion: 'v1', gracePeriodSeconds: 'x' }],
  ]
}
