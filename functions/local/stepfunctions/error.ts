/** An answer of the service that is not success: its word for it, as the SDK's error classes are called, and the HTTP status. */
export class ServiceError extends Error {
  readonly type: string
  readonly status: number
  constructor(type: string, message: string, status = 400) {
    super(message)
    this.name = 'ServiceError'
    this.type = type
    this.status = status
  }
}

/** A step failed inside a state machine: the error name that Retry and Catch are matched with, and its cause. */
export class StateError extends Error {
  readonly error: string
  constructor(error: string, cause: string) {
    super(cause)
    this.name = 'StateError'
    this.error = error
  }
}

/** A cause is written with every change; what is longer helps nobody. */
export const cut = (text: string): string => text.slice(0, 4096)
