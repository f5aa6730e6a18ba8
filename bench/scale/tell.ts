import { tables } from '../../schema/item.ts'
import { trips, type Look } from './log.ts'
import { asking, ending, type Kind, type Measured } from './measure.ts'
import { own, play, type Played, type Units } from './play.ts'

const partition: Units = { writes: 1000, reads: 3000 }
/** On-demand: what a table takes that is new, and what at most unless AWS raises it. */
const fresh: Units = { writes: 4000, reads: 12_000 }
const quota = 40_000
/** US dollars as AWS lists them for its largest region; your own go into PRICES='{"writes":…}'. Of a million each, but of Lambda's memory (arm64), which is by the GB-second. */
const prices = { writes: 0.625, reads: 0.125, calls: 0.2, gigabyteSeconds: 0.0000133334, states: 25, put: 5, get: 0.4, sign: 15, ...JSON.parse(process.env['PRICES'] ?? '{}') as object }
/** What a function of 1 GB has of a processor; and what a round trip takes to DynamoDB or the target, which nothing here can measure. */
const processor = 1024 / 1769
const roundTripMs = Number(process.env['ROUND_TRIP_MS'] ?? 5)
/** How often each event is read again: by the first look of a minute, which begins so much before the end of the last one, and by the second (functions/gather.ts, functions/aws/unsettled.ts). */
const looks = { sequencer: { first: 70 / 60, second: 1 }, sweeper: { first: 90 / 60, second: 1 } }
/** Of the sequencer's function there are so many at once (infra/places.ts): the stream's rounds and the minute's look share them. */
const sequencers = 2
const [one, many] = ['read, 1 row, session kept', 'read, 200 rows']
export const mix = { agents: 10_000, each: 0.1, seconds: 600, decideSeconds: 120, shares: { [one]: 0.8, [many]: 0.1, refusal: 0.08, [asking]: 0.02 } }

const timeMs = ({ cpuMs, calls, target }: Kind): number => cpuMs / processor + (calls + target) * roundTripMs
const unitsOf = (uses: readonly Units[]): Units => uses.reduce<Units>((all, use) => ({ writes: all.writes + use.writes, reads: all.reads + use.reads }), { writes: 0, reads: 0 })
const told = ({ writes, reads }: Units): string => [writes >= 0.005 ? `${writes.toFixed(2)} w` : '', reads >= 0.005 ? `${reads.toFixed(2)} r` : ''].filter((text) => text !== '').join(' ')
const whole = (n: number): string => n.toFixed(0)
const money = (n: number): string => n.toFixed(2)
const table = (heads: readonly string[], rows: readonly (readonly (string | number)[])[]): string => [heads, heads.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n').replaceAll('| --- ', '|---').replaceAll('--- |', '---|')
const kindOf = ({ kinds }: Measured, name: string): Kind => { const kind = kinds[name]; if (kind === undefined) throw new Error(`nothing was measured of: ${name}`); return kind }

/** Read units of all looks for so many KB. */
const againOf = ({ log: { looks: { first, second, sweeper } } }: Measured, kilobytes: number): number =>
  kilobytes * (looks.sequencer.first * first.readsPerKilobyte + looks.sequencer.second * second.readsPerKilobyte + (looks.sweeper.first + looks.sweeper.second) * sweeper.readsPerKilobyte)

/** Of a request and everything that follows of it: what the log takes for its events, what those read who go through them again, and dollars a million. */
function costOf(measured: Measured, kind: Kind) {
  const [mine, each, again] = [unitsOf(kind.uses), unitsOf(measured.log.perEvent), againOf(measured, kind.bytes / 1024)]
  const log = { writes: each.writes * kind.events, reads: each.reads * kind.events }
  return { mine, log, again, dollars: (mine.writes + log.writes) * prices.writes + (mine.reads + log.reads + again) * prices.reads + kind.states * prices.states + kind.invoked * prices.calls + timeMs(kind) * 1000 * prices.gigabyteSeconds }
}

function requests(measured: Measured): string {
  const rows = Object.entries(measured.kinds).map(([name, kind]) => {
    const where = [...Map.groupBy(kind.uses, (use) => `${use.table.replace('sluice-', '')}${use.index === null ? '' : ` ${use.index}`}`)].map(([part, uses]) => `${part} ${told(unitsOf(uses))}`).filter((text) => /\d/.test(text))
    const { log, again, dollars } = costOf(measured, kind)
    return [name, kind.cpuMs.toFixed(1), `${money(kind.calls)}, ${money(kind.target)}`, where.join(', '), kind.events.toFixed(2), told(log), `${whole(again)} r`, money(dollars)]
  })
  const [first, last] = [kindOf(measured, asking), kindOf(measured, ending)]
  return `${table(['a request', 'CPU ms', 'calls: DynamoDB, target by HTTP', 'in the request', 'events', 'in the log', 'read again', 'US$ a million'], rows)}

An approval from its asking to its end: US$ ${money(costOf(measured, first).dollars + costOf(measured, last).dollars)} a million, of which ${whole((first.states + last.states) * prices.states)} are the ${first.states + last.states} states of its machine; ${first.invoked + last.invoked} invocations. What it reads of the requests' table is for an agent that has ten others waiting on average: who asks is counted against what that subject has open.`
}

function logRows(measured: Measured): string {
  const { batch, s3, entries, perSecond, distantPerSecond, twoPerSecond, quarterPerSecond, cpuMsEach, perCommit, looks: { first, second, sweeper } } = measured.log
  const units = unitsOf(perCommit)
  const dollars = units.writes * prices.writes + units.reads * prices.reads + ((s3['PUT'] ?? 0) + (s3['LIST'] ?? 0)) * prices.put + (s3['GET'] ?? 0) * prices.get + prices.sign + prices.calls
  const look = ({ readsPerEvent, readsPerKilobyte, perSecond: events }: Look): string => `${money(readsPerEvent)} r an event, ${money(readsPerKilobyte)} r a KB; on the local store ${whole(events)} events a second`
  return table(['the log', ''], [
    [`a commit, of ${whole(entries)} entries here`, `1 signature of KMS; S3: ${Object.entries(s3).map(([method, times]) => `${times.toFixed(1)} ${method}`).join(', ')}; sluice-log ${told(units)}`],
    ['a million commits, beside their entries\' units and the function\'s time', `US$ ${money(dollars)}; one a second is ${whole(dollars * 86_400 * 30 / 1e6)} a month`],
    ['entries a second, one sequencer on the local store', whole(perSecond)], [`one with round trips of ${trips.dynamo} ms to DynamoDB, ${trips.s3} to S3, ${trips.kms} to KMS`, whole(distantPerSecond)], ['the same by two at once, who take turns at one head', whole(twoPerSecond)], [`by those two in batches of ${whole(Math.floor(batch / 4))}`, whole(quarterPerSecond)], ['events that the stream brings at once, of this mix, at most', whole(batch)], ['CPU of the sequencer, ms an entry', cpuMsEach.toFixed(3)],
    ['the sequencer\'s look at what is new, by one of two that share the stream', look(first)], ['its look at what nothing more can come to', look(second)], ['a look of the sweeper', look(sweeper)],
  ])
}

/** Entries a second, of the ways in which it was measured. */
const slowest = ({ perSecond, distantPerSecond, twoPerSecond }: Measured['log']): number => Math.min(perSecond, distantPerSecond, twoPerSecond)
const busy = ({ writes, reads }: Units): number => Math.max(writes / partition.writes, reads / partition.reads)
/** Requests a second of the mix at which each thing comes to its end. */
function limitsOf(measured: Measured, played: Played) {
  const { requests: rate, events, kilobytes } = played
  const { log: { looks: { first, second, sweeper } } } = measured
  const again = againOf(measured, kilobytes)
  // Of each second, the seconds that looks take of it.
  const looking = events * (looks.sequencer.first / first.perSecond + looks.sequencer.second / second.perSecond)
  const sweeping = events * (looks.sweeper.first + looks.sweeper.second) / sweeper.perSecond
  return { again, looking, sweeping, log: rate * slowest(measured.log) / events, look: rate / looking, sweep: rate / sweeping, quota: rate * quota / again }
}

function agents(measured: Measured, played: Played): string {
  const { requests: rate, events, kilobytes, processes, waiting, unsequenced } = played
  const limits = limitsOf(measured, played)
  // What one request, one agent or one process alone makes busy is no busier where there are more of them.
  const grows = (sort: string): boolean => !sort.endsWith(own) && !/a requester$|a meter$/.test(sort)
  const keys = [...played.keys].filter(([, units]) => told(units) !== '').toSorted(([, a], [, b]) => busy(b) - busy(a)).map(([sort, units]) => [sort, told(units), `${(busy(units) * 100).toFixed(1)} %`, grows(sort) ? whole(rate / busy(units)) : ''])
  const all = new Map(played.tables).set(`${tables.audit.name}, read again`, { writes: 0, reads: limits.again })
  const sums = [...all].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([name, units]) => [name, told(units), `${(Math.max(units.writes / fresh.writes, units.reads / fresh.reads) * 100).toFixed(1)} %`, `${(Math.max(units.writes, units.reads) / quota * 100).toFixed(1)} %`])
  return `${mix.agents} agents, ${mix.each} requests a second each (${Object.entries(mix.shares).map(([kind, share]) => `${share * 100}% ${kind}`).join(', ')}; people take ${mix.decideSeconds} s), ${mix.seconds} s:

${table(['the busiest partition key of its sort', 'units in the busiest second', 'of what one partition takes', 'at its limit from, requests a second of this mix'], keys)}

${table(['a table', 'units in the busiest second', `of what a new one takes (${fresh.writes} w, ${fresh.reads} r)`, `of AWS's quota (${quota} of each)`], sums)}

${table(['', '', 'at its limit from, requests a second of this mix'], [
  ['requests a second', whole(rate), ''], ['events a second, KB of them', `${whole(events)}, ${whole(kilobytes)}`, ''], [`processes at once, where a round trip is ${roundTripMs} ms`, processes, ''], ['requests waiting for people, at most', waiting, ''],
  [`events not in the log after ${mix.seconds} s, at most`, whole(unsequenced), whole(limits.log)],
  ['of each minute that the sequencer\'s looks take, %', whole(limits.looking * 100), whole(limits.look)], ['of each minute that the sweeper\'s take, %', whole(limits.sweeping * 100), whole(limits.sweep)], ['read units a second of all looks, of the quota', whole(limits.again), whole(limits.quota)],
])}`
}

function says(measured: Measured, played: Played): string {
  const { quarterPerSecond } = measured.log
  const [single, rows] = [kindOf(measured, one), kindOf(measured, many)]
  const [cost, costly, limits] = [costOf(measured, single), costOf(measured, rows), limitsOf(measured, played)]
  const [open, record] = [played.keys.get(`${tables.requests.name} byState, \`open\``), played.keys.get(`${tables.audit.name}, one of the day's 16`)]
  if (open === undefined || record === undefined) throw new Error('the play has lost a key')
  const at = (units: Units): string => whole(played.requests / busy(units))
  const over = played.unsequenced > 0 ? `is ${whole(played.unsequenced)} behind after ten minutes` : 'keeps up'
  return `- **The record is the cost.** A query of one row has an intent and an outcome: ${money(cost.mine.writes)} write units in the record, ${money(cost.log.writes)} in the log, and ${whole(cost.again)} read units by the time it is an hour old, because the sequencer and the sweeper each go through the record twice. That is US$ ${money(cost.again * prices.reads)} of its ${money(cost.dollars)} a million. With 200 rows the outcome carries up to 32 KB of the masked answer, sealed: ${money(costly.mine.writes)} write units, ${whole(costly.again)} read. \`record: none\` on a connection keeps no results.
- **Looking again holds.** Of each minute of this load the sequencer's looks take ${whole(limits.looking * 100)} % of one of its ${sequencers} places and the sweeper's ${whole(limits.sweeping * 100)} % of one, on the local store; all of them together read ${whole(limits.again)} units a second of the quota's ${quota}. A look reads what is new since the last one, and once more what has become half an hour old (the sweeper's: an hour), when nothing more can come to it; nothing is read a third time. What a look does not end in its time the next one goes on with. An execution that people approved names the events by which they did, so it begins no look.
- **The log takes ${whole(slowest(measured.log))} entries a second** at the least of the three ways it was measured in, and ${over}${played.unsequenced > 0 ? `: from ${whole(limits.log)} requests a second it falls behind` : `: to ${whole(limits.log)} requests a second`}. What is not in it yet lies in the record and is lost nowhere; receipts are late. The round trips are guesses (\`ROUND_TRIP_MS\` for DynamoDB's), and those rates are of a log's table in the bench's own memory, because the local DynamoDB takes more CPU for an entry than the sequencer; the stream's batches are taken to be full. A busy stream has several shards, and each brings a batch of its own: smaller ones where there is room, at a lower rate (${whole(quarterPerSecond)} a second in quarters), and the fuller the longer they wait for one of the ${sequencers} places, so that the rate comes back where it is needed.
- **Keys.** The record's events spread over 16 partitions a day by their id: the busiest is at its limit from ${at(record)} requests a second, for seconds at a time; DynamoDB splits it by itself where it stays so, because the sort key spreads. The index \`byState\` has one partition of open requests and one of ended ones, in the order of time, which no split helps: \`open\` takes ${money(open.writes)} write units in the busiest second (${(busy(open) * 100).toFixed(1)} %) and is at its limit from ${at(open)} requests a second of this mix, ${whole(played.requests * mix.shares[asking] / busy(open))} of them asking people. Then asking and deciding are tried again within their 3 s and refused; nobody else touches that table. It is left as it is. The policy's pointer is one item that every process reads each 2 s: 6 000 processes fit into one partition's reads.
- **A new table takes ${fresh.writes} write units a second**, and twice its own peak later; the record needs ${whole(played.tables.get(tables.audit.name)?.writes ?? NaN)} here. Whoever begins at this size warms it first (DynamoDB: warm throughput).`
}

/** What docs/scale.md holds. */
export function tell(measured: Measured): string {
  const played = play(measured, { ...mix, timeMs })
  return [requests(measured), logRows(measured), agents(measured, played), 'What the numbers say:', says(measured, played)].join('\n\n')
}
