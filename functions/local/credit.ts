import type { Step } from './story.ts'

/** The demo's agent on MySQL: the same rules, words and record as on PostgreSQL. Where no server is on this machine the steps say so. */
const billing = '/v1/connections/billing/query'
const balances = 'select name, email, total from open_balances order by total desc limit 3'
const absent = ['no mariadb or mysql server on this machine, so there is no billing: npm start says how to get one']

function step(title: string, sql: string, judge: (status: number, body: { readonly rows?: readonly Readonly<Record<string, unknown>>[]; readonly reason?: string; readonly detail?: string }) => readonly string[]): Step {
  return {
    title,
    async run(gate) {
      const { status, body } = await gate.call('POST', billing, await gate.token('agent:support-bot', ['support-agents']), { sql })
      return status === 503 && body.reason !== 'policy_unreadable' ? absent : judge(status, body)
    },
  }
}
function refused(title: string, sql: string, reason: string): Step {
  return step(title, sql, (status, body) => {
    if (status !== 403 || body.reason !== reason) throw new Error(`expected a refusal \`${reason}\`, got ${status} ${body.reason ?? ''}`)
    return [sql, body.detail ?? '']
  })
}

export const credit: readonly Step[] = [
  step('the agent reads open balances on MySQL, through a view; addresses come masked', balances, (status, body) => {
    const rows = body.rows ?? []
    if (status !== 200 || rows.length !== 3 || !rows.every(({ email }) => /^.\*\*\*@/.test(String(email)))) throw new Error(`expected three rows, masked, got ${status} ${body.reason ?? ''}`)
    return [balances, ...rows.map((row) => JSON.stringify(row))]
  }),
  refused('it tries to learn a tax number by sorting on it', 'select id from customers order by tax_id limit 1', 'classified_use'),
  refused('it hides a column in a comment that MySQL executes', 'select id /*!, email */ from customers', 'executable_comment'),
]
