import { mailFrom } from './stage'

/** The sender's domain, for SES to sign for. Its DNS records are in the outputs; a new account leaves SES's sandbox by asking AWS. */
export const identity = mailFrom === '' ? null : new aws.sesv2.EmailIdentity('MailIdentity', { emailIdentity: mailFrom.split('@')[1] ?? mailFrom, dkimSigningAttributes: { nextSigningKeyLength: 'RSA_2048_BIT' } })
