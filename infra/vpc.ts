/**
 * Where private targets are: `SLUICE_VPC_SUBNETS=subnet-…,subnet-…` and `SLUICE_VPC_GROUPS=sg-…` say where the function that reaches them stands and what it may reach (out to a database's port, a cluster's, a host's 22,
 * and 443 of the endpoint), `SLUICE_PRIVATE_TARGETS=ledger-read,ledger-write,bastion-ssh` names their secrets. Left out, all three: there is no such function, and nothing here is made or paid for. `SLUICE_VPC=vpc-…` as well: an endpoint of Secrets Manager is made in it; without, those subnets have one already, or another way
 * there. `SLUICE_VPC_ROUTES=rtb-…,rtb-…` as well, their route tables: an endpoint of DynamoDB is made in those, by which a lock reaches what runs in the network; without, they have one
 * already, or what runs there ends by its own time alone.
 */
const list = (name: string, form: RegExp): readonly string[] => {
  const values = (process.env[name] ?? '').split(',').map((value) => value.trim()).filter((value) => value !== '')
  for (const value of values) if (!form.test(value)) throw new Error(`${name} names \`${value}\`, which is none`)
  return [...new Set(values)]
}
const subnets = list('SLUICE_VPC_SUBNETS', /^subnet-[0-9a-f]{8,17}$/)
const groups = list('SLUICE_VPC_GROUPS', /^sg-[0-9a-f]{8,17}$/)
const [id = null, ...ids] = list('SLUICE_VPC', /^vpc-[0-9a-f]{8,17}$/)
const routes = list('SLUICE_VPC_ROUTES', /^rtb-[0-9a-f]{8,17}$/)
const targets = list('SLUICE_PRIVATE_TARGETS', /^[a-z0-9][a-z0-9._-]{0,62}$/)
const given = [subnets, groups, targets].filter(({ length }) => length > 0).length
if (given !== 0 && given !== 3) throw new Error('SLUICE_VPC_SUBNETS, SLUICE_VPC_GROUPS and SLUICE_PRIVATE_TARGETS belong together: where private targets are, the groups that let their function out to their ports (a database\'s, a cluster\'s, 22 of a host, and 443 for Secrets Manager), and the names of their secrets')
if (ids.length > 0 || (id !== null && given === 0)) throw new Error('SLUICE_VPC is one network, that of SLUICE_VPC_SUBNETS')
if (routes.length > 0 && id === null) throw new Error('SLUICE_VPC_ROUTES are route tables of SLUICE_VPC, which is not named')

/** null: no target is private. */
export const vpc = given === 0 ? null : { id, subnets, groups, routes, targets }
