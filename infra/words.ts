/**
 * What the gate says on standard error as `{"alarm": …}`, all of it: by the metric that counts it and rings, or with why it rings nothing. test/infra/words.test.ts reads the functions, and fails for words that
 * nobody here listens for, and for words that nobody says any more.
 */
interface Counted {
  readonly words: readonly string[]
  /** Rings where it was said in 3 of 15 minutes, because once is not yet anything to get up for. */
  readonly lasting?: true
}
export const counted: Readonly<Record<string, Counted>> = {
  UnsettledIntents: { words: ['an intent cannot be settled', 'intents without an outcome were settled as unknown'] },
  OutcomeNotRecorded: { words: ['outcome not recorded'] },
  EventNotRecorded: { words: ['event not recorded', 'the end of a stream is not recorded', 'a sign-in is not recorded', 'count of unauthenticated calls not recorded', 'an event is not promised'] },
  LogWentBack: { words: [
    'the log went back', 'the tiles of the log are not those of its checkpoint', 'events of the log are not in the record', 'entries are said to be removed, and are not as old as that',
    'an index that the log never gave', 'the log has something else in the place of an event', 'an event in the record cannot be read', 'the mark of the log lies in the future',
  ] },
  HeadGone: { words: ['the head of the log is gone'] },
  LocksNotLengthened: { words: ['locks of the log are not lengthened'] },
  /** Of the log in PostgreSQL. It stops for good: what it was made from is not what is there, or nothing is. */
  IndexStopped: { words: [
    'the log is gone that the index was made from', 'the log went back behind its index', 'the log is not the one the index was made from', 'the log is not the one its checkpoint signs',
    'the log holds an entry that this version cannot read',
  ] },
  IndexBehind: { words: ['the index does not follow the log', 'the index of the log does not answer'], lasting: true },
  PolicyRefused: { words: ['policy version refused', 'policy corrupt', 'a policy that cannot be read says nothing of how long entries are kept'] },
  OriginsDisagree: { words: ['origin_mismatch'] },
  /** What was executed could not be shown as was decided, so it was not shown. */
  AnswerWithheld: { words: ['answer withheld'] },
  /** The second wall is not as docs/postgres.md and docs/mysql.md want it. */
  TargetUnfit: { words: ['owner_or_superuser', 'read_role_can_write', 'setting_not_held'] },
  RequestStuck: { words: ['a request is stuck', 'the outcome of an approved request is not known', 'nobody was told of an access request', 'the answer of an approved request is not kept', 'a request came back from before its end'] },
  /** Somebody writes the table of requests past the gate; or the record was put back to before people gave their word. Nothing ran by it, and nobody was given another's rows. */
  ApprovalForged: { words: [
    'an approval is not on record', 'a request is not on record', 'a request ended otherwise than the record says', 'a call leads to a request that is not its own', 'a request cannot be read', 'a kept answer does not open',
  ] },
  HostNotKnown: { words: ['a host showed a key that is not known'] },
  SecretUnusable: { words: ['secret missing', 'a secret cannot be used'] },
  GateFailed: { words: ['unexpected error', 'internal fault'] },
  NotReady: { words: ['cannot decide', 'cannot record', 'targets do not answer'], lasting: true },
  SocketsNotCut: { words: ['a socket could not be cut cleanly'], lasting: true },
  /** Slack signed it, and no gate has shown it: somebody else has the app, or its secret. */
  SlackForged: { words: ['a Slack button that this gate never shows was pressed'] },
}
/** The same, only where there is a private network. */
export const countedApart: Readonly<Record<string, Counted>> = {
  NotOfTheGate: { words: ['an errand that is not the gate\'s'] },
  ErrandFailed: { words: ['an errand failed'] },
  /** What a lock should have ended runs on to its own time. */
  CutLost: { words: ['a cut was not said'] },
  CutsNotHeard: { words: ['cuts are not heard of'], lasting: true },
}

/** Words that ring nothing, and why. They are in the log groups, for whoever looks for what happened. */
export const quiet: Readonly<Record<string, string>> = {
  'owner_allowed': 'the policy says `allowOwner: true`; each new process reminds of it',
  'a request waits for the sweeper to be announced': 'the sweeper announces it within a minute; one that it cannot is `a request is stuck`',
  'a decided request waits for the sweeper': 'the same',
  'an approver was not told': 'another was, or it is tried again; that nobody was is counted',
  'whoever pressed a Slack button got no answer': 'the decision stands or does not, and its page says which',
  'a sign-in at the console was refused': 'anybody can have one refused, as often as they like; they are events, `sign-in`',
  'answer not kept': 'its caller has the answer, and a repeat is told that the outcome is not known; nothing runs twice',
  'key not released': 'a repeat of a call that was refused hears that it is in flight, until the key is over',
  'a superfluous object stays': 'the bucket\'s lifecycle takes it',
}
