/**
 * TPC-H data after the specification's rules of thumb, not dbgen's bytes: the same tables, key ratios, value lists and date ranges, from a fixed
 * seed, so that every query meets rows. Scale 1 would be 6 million line items; the tests use 0.01.
 */
export type Table = readonly (readonly (string | number)[])[]

const regions = ['AFRICA', 'AMERICA', 'ASIA', 'EUROPE', 'MIDDLE EAST']
const nations: readonly (readonly [string, number])[] = [['ALGERIA', 0], ['ARGENTINA', 1], ['BRAZIL', 1], ['CANADA', 1], ['EGYPT', 4], ['ETHIOPIA', 0], ['FRANCE', 3], ['GERMANY', 3], ['INDIA', 2], ['INDONESIA', 2], ['IRAN', 4], ['IRAQ', 4],
  ['JAPAN', 2], ['JORDAN', 4], ['KENYA', 0], ['MOROCCO', 0], ['MOZAMBIQUE', 0], ['PERU', 1], ['CHINA', 2], ['ROMANIA', 3], ['SAUDI ARABIA', 4], ['VIETNAM', 2], ['RUSSIA', 3], ['UNITED KINGDOM', 3], ['UNITED STATES', 1]]
const colours = 'almond antique aquamarine azure beige bisque black blanched blue blush brown burlywood chartreuse chiffon chocolate coral cornflower cornsilk cream cyan dark deep dim dodger drab firebrick floral forest frosted gainsboro ghost goldenrod green grey honeydew hot indian ivory khaki lace lavender lawn lemon light lime linen magenta maroon medium metallic midnight mint misty moccasin navajo navy olive orange orchid pale papaya peach peru pink plum powder puff purple red rose rosy royal saddle salmon sandy seashell sienna sky slate smoke snow spring steel tan thistle tomato turquoise violet wheat white yellow'.split(' ')
const words = 'special pending unusual express furious sly careful blithe quick fluffy slow quiet ruthless thin close dogged daring brave stealthy permanent enticing idle busy regular final ironic even bold silent requests deposits accounts packages foxes ideas theodolites instructions dependencies excuses platelets asymptotes courts dolphins multipliers sauternes warthogs frets dinos attainments'.split(' ')
const segments = ['AUTOMOBILE', 'BUILDING', 'FURNITURE', 'MACHINERY', 'HOUSEHOLD']
const priorities = ['1-URGENT', '2-HIGH', '3-MEDIUM', '4-NOT SPECIFIED', '5-LOW']
const modes = ['REG AIR', 'AIR', 'RAIL', 'SHIP', 'TRUCK', 'MAIL', 'FOB', 'AIR REG']
const instructions = ['DELIVER IN PERSON', 'COLLECT COD', 'NONE', 'TAKE BACK RETURN']

/** mulberry32: small, and the same everywhere. */
function randomFrom(seed: number) {
  let state = seed
  const next = () => {
    state = (state + 0x6D2B79F5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
  const int = (low: number, high: number) => low + Math.floor(next() * (high - low + 1))
  const of = <T>(items: readonly T[]): T => items[int(0, items.length - 1)]!
  const text = (count: number) => Array.from({ length: count }, () => of(words)).join(' ')
  const money = (low: number, high: number) => (int(low * 100, high * 100) / 100).toFixed(2)
  return { int, of, text, money }
}
const day = (date: number) => new Date(date * 86_400_000).toISOString().slice(0, 10)
const firstDay = Date.UTC(1992, 0, 1) / 86_400_000
const lastOrderDay = Date.UTC(1998, 7, 2) / 86_400_000
const today = Date.UTC(1995, 5, 17) / 86_400_000
const phone = (nation: number, number: (low: number, high: number) => number) => `${nation + 10}-${number(100, 999)}-${number(100, 999)}-${number(1000, 9999)}`
const retail = (part: number) => (90_000 + ((part / 10) % 20_001) + 100 * (part % 1000)) / 100

export function generateTpch(scale: number, seed = 1995): Readonly<Record<string, Table>> {
  const random = randomFrom(seed)
  const count = (atOne: number) => Math.max(1, Math.round(atOne * scale))
  const suppliers = count(10_000)
  const parts = count(200_000)
  const customers = count(150_000)
  return {
    region: regions.map((name, key) => [key, name, random.text(3)]),
    nation: nations.map(([name, region], key) => [key, name, region, random.text(3)]),
    supplier: range(suppliers).map((key) => {
      const nation = random.int(0, 24)
      const comment = key % 20 === 0 ? `${random.text(2)} Customer ${random.text(1)} Complaints` : random.text(4)
      return [key, `Supplier#${String(key).padStart(9, '0')}`, random.text(2), nation, phone(nation, random.int), random.money(-999, 9999), comment]
    }),
    part: range(parts).map((key) => partRow(key, random)),
    partsupp: range(parts).flatMap((part) => range(4).map((n) => [part, supplierOf(part, n - 1, suppliers), random.int(1, 9999), random.money(1, 1000), random.text(5)])),
    customer: range(customers).map((key) => {
      const nation = random.int(0, 24)
      return [key, `Customer#${String(key).padStart(9, '0')}`, random.text(2), nation, phone(nation, random.int), random.money(-999, 9999), random.of(segments), random.text(6)]
    }),
    ...ordersAndLines(count(1_500_000), customers, parts, suppliers, random),
  }
}
type Random = ReturnType<typeof randomFrom>
const range = (size: number) => Array.from({ length: size }, (_, index) => index + 1)
/** Four different suppliers a part, as the specification spreads them. */
const supplierOf = (part: number, n: number, suppliers: number) => (part + n * (Math.floor(suppliers / 4) + Math.floor((part - 1) / suppliers))) % suppliers + 1

function partRow(key: number, random: Random): (string | number)[] {
  const maker = random.int(1, 5)
  const type = `${random.of(['STANDARD', 'SMALL', 'MEDIUM', 'LARGE', 'ECONOMY', 'PROMO'])} ${random.of(['ANODIZED', 'BURNISHED', 'PLATED', 'POLISHED', 'BRUSHED'])} ${random.of(['TIN', 'NICKEL', 'BRASS', 'STEEL', 'COPPER'])}`
  const container = `${random.of(['SM', 'LG', 'MED', 'JUMBO', 'WRAP'])} ${random.of(['CASE', 'BOX', 'BAG', 'JAR', 'PKG', 'PACK', 'CAN', 'DRUM'])}`
  return [key, range(5).map(() => random.of(colours)).join(' '), `Manufacturer#${maker}`, `Brand#${maker}${random.int(1, 5)}`, type, random.int(1, 50), container, retail(key).toFixed(2), random.text(2).slice(0, 23)]
}

function ordersAndLines(orders: number, customers: number, parts: number, suppliers: number, random: Random): { orders: Table; lineitem: Table } {
  const orderRows: (string | number)[][] = []
  const lines: (string | number)[][] = []
  for (const index of range(orders)) {
    const key = (index >> 3 << 5) + (index & 7)               // keys have holes, as the specification wants
    const date = random.int(firstDay, lastOrderDay)
    const own = range(random.int(1, 7)).map((number) => lineRow(key, number, date, parts, suppliers, random))
    lines.push(...own)
    const open = own.filter((line) => line[9] === 'O').length
    const total = own.reduce((sum, line) => sum + Number(line[5]) * (1 - Number(line[6])) * (1 + Number(line[7])), 0)
    const customer = random.int(1, Math.ceil(customers * 2 / 3)) * 3 / 2   // a third of the customers never order
    orderRows.push([key, Math.min(customers, Math.floor(customer)), open === own.length ? 'O' : open === 0 ? 'F' : 'P', total.toFixed(2), day(date), random.of(priorities), `Clerk#${String(random.int(1, 10)).padStart(9, '0')}`, 0, random.text(5)])
  }
  return { orders: orderRows, lineitem: lines }
}

function lineRow(order: number, number: number, date: number, parts: number, suppliers: number, random: Random): (string | number)[] {
  const part = random.int(1, parts)
  const quantity = random.int(1, 50)
  const shipped = date + random.int(1, 121)
  const received = shipped + random.int(1, 30)
  return [order, part, supplierOf(part, random.int(0, 3), suppliers), number, quantity, (quantity * retail(part)).toFixed(2), (random.int(0, 10) / 100).toFixed(2), (random.int(0, 8) / 100).toFixed(2),
    received <= today ? random.of(['R', 'A']) : 'N', shipped > today ? 'O' : 'F', day(shipped), day(date + random.int(30, 90)), day(received), random.of(instructions), random.of(modes), random.text(3).slice(0, 44)]
}

/** INSERT statements of 500 rows each, in an order that foreign keys allow. */
export function* insertsOf(tables: Readonly<Record<string, Table>>): Generator<string> {
  const literal = (value: string | number) => typeof value === 'number' ? String(value) : `'${value.replaceAll("'", "''")}'`
  for (const name of ['region', 'nation', 'supplier', 'part', 'partsupp', 'customer', 'orders', 'lineitem']) {
    const rows = tables[name] ?? []
    for (let at = 0; at < rows.length; at += 500) yield `INSERT INTO ${name} VALUES ${rows.slice(at, at + 500).map((row) => `(${row.map(literal).join(',')})`).join(',')}`
  }
}
