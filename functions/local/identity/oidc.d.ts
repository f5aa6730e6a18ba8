/** As much of oidc-provider 9.13 as is used here; the package ships no types. */
declare module 'oidc-provider' {
  import type { IncomingMessage, ServerResponse } from 'node:http'

  interface Context { readonly oidc: { readonly client?: { readonly clientId: string }; readonly session?: { readonly accountId?: string }; readonly result?: { readonly login?: object }; readonly entities: { readonly AuthorizationCode?: { readonly authTime?: number } }; readonly provider: Provider } }
  interface Grant { addOIDCScope(scope: string): void; addResourceScope(resource: string, scope: string): void; save(): Promise<string> }
  export default class Provider {
    constructor(issuer: string, configuration: object)
    readonly Grant: new (properties: { readonly accountId: string; readonly clientId: string }) => Grant
    callback(): (req: IncomingMessage, res: ServerResponse) => Promise<void>
    interactionDetails(req: IncomingMessage, res: ServerResponse): Promise<{ readonly params: Readonly<Record<string, unknown>> }>
    interactionFinished(req: IncomingMessage, res: ServerResponse, result: object, options: { readonly mergeWithLastSubmission: boolean }): Promise<void>
  }
  export namespace interactionPolicy {
    class Check { readonly reason: string; constructor(reason: string, description: string, check: (context: Context) => boolean) }
    interface Prompt { readonly checks: { add(check: Check): void } }
    function base(): { get(name: string): Prompt | undefined; remove(name: string): void }
  }
  export namespace errors { class InvalidTarget extends Error { constructor(description: string) } }
  export type { Context }
}
