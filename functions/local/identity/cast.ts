/** The people of the demo, as CONTRACT.md section 1 names their groups. Agents do not sign in: `sluice token` makes theirs. */
export const cast: readonly { readonly subject: string; readonly groups: readonly string[]; readonly about: string }[] = [
  { subject: 'user:lena@acme.dev', groups: ['support-leads'], about: 'leads support and owns the support bot, so she never decides what it asks' },
  { subject: 'user:omar@acme.dev', groups: ['support-leads'], about: 'leads support' },
  { subject: 'user:nora@acme.dev', groups: ['analysts'], about: 'reads all but payroll, masked' },
  { subject: 'user:petra@acme.dev', groups: ['platform'], about: 'applies policy and sets locks' },
  { subject: 'user:audrey@acme.dev', groups: ['auditors'], about: 'reads the audit' },
]
