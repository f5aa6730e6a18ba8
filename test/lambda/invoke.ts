/** What Lambda does around a function that streams nothing: loads the bundle, and answers each event with what it gives or the name of its error. */
const { handler } = (await import(process.argv[2] ?? '')) as { handler: (event: unknown) => Promise<unknown> }
process.on('message', ({ id, event }: { id: number; event: unknown }) => {
  handler(event).then((value) => process.send?.({ id, value }), (error: unknown) => process.send?.({ id, error: error instanceof Error ? { name: error.name, message: error.message } : { name: 'Error', message: 'unknown' } }))
})
process.on('disconnect', () => process.exit(0))
process.send?.('ready')
