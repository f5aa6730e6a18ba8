/** What was given up: a schedule's call, a batch of the record's stream. Nothing is lost by it, because each look goes through the record itself; that it happened is alarmed of. */
export const dead = new aws.sqs.Queue('ScheduleDead', { messageRetentionSeconds: 1_209_600, sqsManagedSseEnabled: true })
