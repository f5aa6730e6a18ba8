// Preloaded into the function's process: names under sluice.test are this machine, and their port 443 is the test's TLS server. The bundle itself is unchanged.
import dns from 'node:dns'
import tls from 'node:tls'

const { lookup } = dns
dns.lookup = (name, options, done) => {
  const then = typeof options === 'function' ? options : done
  if (!String(name).endsWith('.sluice.test')) return lookup(name, options, done)
  return typeof options === 'object' && options?.all ? then(null, [{ address: '127.0.0.1', family: 4 }]) : then(null, '127.0.0.1', 4)
}
const { connect } = tls
tls.connect = (...args) => {
  if (args[0] !== null && typeof args[0] === 'object' && Number(args[0].port ?? 443) === 443) args[0] = { ...args[0], port: Number(process.env.TEST_TLS_PORT) }
  return connect(...args)
}
