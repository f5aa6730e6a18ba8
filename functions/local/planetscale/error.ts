/** An error of the server, as Vitess words it: number and state in the text, and a code of gRPC beside. Messages quote values, as PlanetScale's do. */
export interface ServerError { readonly errno: number; readonly sqlState?: string; readonly message: string }
export const isServerError = (error: unknown): error is ServerError =>
  error instanceof Error && typeof (error as Partial<ServerError> & Error).errno === 'number' && (error as unknown as ServerError).errno > 0 && typeof (error as unknown as ServerError).sqlState === 'string'

export function errorBody({ errno, sqlState, message }: ServerError): { readonly message: string; readonly code: string } {
  const said = message.replaceAll('\n', ' ')
  return { message: `target: local.-.primary: vttablet: rpc error: code = ${codeOf(errno)} desc = ${said} (errno ${errno}) (sqlstate ${sqlState ?? 'HY000'})`, code: wire[codeOf(errno)] ?? 'UNKNOWN' }
}
function codeOf(errno: number): string {
  switch (errno) {
    case 1062: case 1586: return 'AlreadyExists'
    case 1044: case 1045: case 1142: case 1143: case 1227: case 1370: return 'PermissionDenied'
    case 1205: case 1317: case 1969: case 3024: return 'DeadlineExceeded'
    case 1213: return 'Aborted'
    case 1040: case 1203: return 'ResourceExhausted'
    case 1046: case 1054: case 1064: case 1146: case 1264: case 1366: case 1406: return 'InvalidArgument'
    case 1451: case 1452: case 4025: case 3819: return 'FailedPrecondition'
    default: return 'Unknown'
  }
}
const wire: Readonly<Record<string, string>> = {
  AlreadyExists: 'ALREADY_EXISTS', PermissionDenied: 'PERMISSION_DENIED', DeadlineExceeded: 'DEADLINE_EXCEEDED', Aborted: 'ABORTED', ResourceExhausted: 'RESOURCE_EXHAUSTED', InvalidArgument: 'INVALID_ARGUMENT',
  FailedPrecondition: 'FAILED_PRECONDITION',
}
