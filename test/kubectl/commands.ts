/**
 * The suite: kubectl as people and agents use it, in an order in which later commands see what earlier ones did. Each is run against the cluster itself and through
 * the gate, and the two answers compared. `NS` is a namespace that the suite makes first and deletes last; `RAW` is what stands before the API's own paths: `get --raw` leaves out
 * the path that a kubeconfig's server has.
 */
export interface Command {
  readonly run: string
  readonly stdin?: string
  /** kubectl 1.N and later; older ones do not have it, or say it otherwise. */
  readonly since?: number
  readonly until?: number
  /** Through the gate, where it differs from the cluster alone: what standard error says. The command then does nothing. */
  readonly refused?: RegExp
  /** Never ends by itself: killed once standard output matches. */
  readonly ends?: RegExp
  /** Shows the contents of a Secret: equal only for whoever may have them revealed. */
  readonly reveals?: true
  /** Asks who or what is calling: the gate's credential is another than the caller's own. */
  readonly differs?: RegExp
  /** Exit code on both sides; 0 where left out. */
  readonly code?: number
  /** The demo cluster alone is known to answer so: of a real one it is only compared. */
  readonly demo?: true
  /** Waits for pods to be ready. */
  readonly running?: true
}

const deployment = (image: string, replicas = 2) => `apiVersion: apps/v1
kind: Deployment
metadata: { name: shop, namespace: NS, labels: { app: shop } }
spec:
  replicas: ${replicas}
  selector: { matchLabels: { app: shop } }
  template:
    metadata: { labels: { app: shop } }
    spec:
      containers: [{ name: shop, image: "${image}", ports: [{ containerPort: 8080 }] }]
`
const service = `apiVersion: v1
kind: Service
metadata: { name: shop, namespace: NS }
spec: { selector: { app: shop }, ports: [{ name: http, port: 80, targetPort: 8080 }] }
`
const settings = (level: string) => `apiVersion: v1
kind: ConfigMap
metadata: { name: settings, namespace: NS }
data: { level: ${level}, "greeting": "good morning" }
`
const key = `apiVersion: v1
kind: Secret
metadata: { name: key, namespace: NS, annotations: { note: hand-made } }
stringData: { password: CANARY-secret, user: shop }
`
const shared = (level: string) => settings(level).replace('name: settings', 'name: shared')
const quiet = /^$/

export const commands: readonly Command[] = [
  // What is there
  { run: 'version -o json', differs: /serverVersion/ },
  { run: 'cluster-info', differs: /is running at/ },
  { run: 'api-versions' },
  { run: 'api-resources' },
  { run: 'api-resources --namespaced=true -o name' },
  { run: 'api-resources --api-group=apps --verbs=list' },
  { run: 'explain pods' },
  { run: 'explain deployment.spec.template.spec.containers' },
  { run: 'explain deployment --recursive' },
  { run: 'explain widgets.spec', demo: true },
  { run: 'get --raw RAW/version' },
  { run: 'get --raw RAW/api/v1/namespaces/NS/configmaps' },
  { run: 'get --raw RAW/healthz' },
  { run: 'auth can-i get pods -n NS', differs: /^(yes|no)/ },
  { run: 'auth whoami', since: 28, differs: /Username/, demo: true },

  // Making things
  { run: 'apply -f -', stdin: deployment('acme/shop:1.0.0') },
  { run: 'rollout status deployment/shop -n NS', running: true },
  { run: 'apply -f - --dry-run=server', stdin: service },
  { run: 'create -f -', stdin: service },
  { run: 'apply -f -', stdin: settings('info') },
  { run: 'apply -f - --dry-run=client -o yaml', stdin: settings('debug') },
  { run: 'apply -f -', stdin: key },
  { run: 'create configmap made -n NS --from-literal=colour=green' },
  { run: 'create secret generic made -n NS --from-literal=token=CANARY-created' },
  { run: 'create deployment tiny -n NS --image=acme/tiny:1' },
  { run: 'create job once -n NS --image=acme/once:1' },
  { run: 'create cronjob nightly -n NS --image=acme/once:1 --schedule=*/5**** --dry-run=client -o name', since: 21 },
  { run: 'create serviceaccount worker -n NS' },
  { run: 'create role reader -n NS --verb=get,list --resource=pods' },
  { run: 'create rolebinding readers -n NS --role=reader --serviceaccount=NS:worker' },
  { run: 'create service clusterip plain -n NS --tcp=80:8080' },
  { run: 'create ingress door -n NS --rule=shop.acme.dev/*=shop:80' },
  { run: 'create configmap made -n NS --from-literal=colour=red', code: 1 },
  { run: 'run single -n NS --image=acme/single:1 --restart=Never' },
  { run: 'create token worker -n NS', since: 24, reveals: true, differs: /./ },

  // Reading them, in every form
  { run: 'get pods -n NS' },
  { run: 'get pods -n NS -o wide' },
  { run: 'get deployments,services,configmaps -n NS' },
  { run: 'get all -n NS' },
  { run: 'get deployment shop -n NS -o yaml' },
  { run: 'get deployment shop -n NS -o json' },
  { run: 'get deployment shop -n NS -o name' },
  { run: 'get deployment shop -n NS -o jsonpath={.spec.replicas}' },
  { run: 'get pods -n NS -o custom-columns=NAME:.metadata.name,PHASE:.status.phase' },
  { run: 'get pods -n NS -o go-template={{range.items}}{{.metadata.name}}{{"\\n"}}{{end}}' },
  { run: 'get pods -n NS --sort-by=.metadata.name --no-headers' },
  { run: 'get pods -n NS -l app=shop --show-labels' },
  { run: 'get pods -n NS -l app!=shop,app' },
  { run: 'get pods -n NS --field-selector=status.phase=Running -o name' },
  { run: 'get configmap settings -n NS -o yaml' },
  { run: 'get configmaps -n NS --chunk-size=1 -o name' },
  { run: 'get secrets -n NS' },
  { run: 'get secret key -n NS -o yaml', reveals: true },
  { run: 'get secret key -n NS -o jsonpath={.data.password}', reveals: true },
  { run: 'get secret made -n NS -o json', reveals: true },
  { run: 'describe secret key -n NS' },
  { run: 'describe deployment shop -n NS' },
  { run: 'describe pods -n NS -l app=shop' },
  { run: 'describe service shop -n NS' },
  { run: 'describe configmap settings -n NS' },
  { run: 'describe namespace NS' },
  { run: 'get endpoints,ingress,roles,rolebindings,serviceaccounts -n NS' },
  { run: 'get job,cronjob,statefulset,daemonset,replicaset -n NS' },
  { run: 'get events -n NS', demo: true },
  { run: 'get widgets -n web', demo: true },
  { run: 'get widget sprocket -n web -o yaml', demo: true },
  { run: 'get namespaces' },
  { run: 'get namespace NS -o yaml' },
  { run: 'get pod nobody -n NS', code: 1 },
  { run: 'get nonsense -n NS', code: 1 },
  { run: 'get nodes', demo: true },

  // Logs
  { run: 'logs deployment/tiny -n NS', demo: true },
  { run: 'logs deployment/tiny -n NS --tail=1', demo: true },
  { run: 'logs deployment/tiny -n NS --timestamps --since=1h', demo: true },
  { run: 'logs -n NS -l app=shop --prefix', demo: true },
  { run: 'logs deployment/tiny -n NS -f', demo: true, ends: /healthz 200 1\n/ },
  { run: 'logs job/once -n NS -f', demo: true },
  { run: 'logs nobody -n NS', code: 1 },

  // Changing them
  { run: 'diff -f -', stdin: settings('debug'), code: 1 },
  { run: 'diff -f -', stdin: settings('info') },
  { run: 'apply -f -', stdin: settings('debug') },
  { run: 'apply --server-side -f -', stdin: shared('info') },
  { run: 'apply --server-side --field-manager=other -f -', stdin: shared('warn'), code: 1 },
  { run: 'apply --server-side --field-manager=other --force-conflicts -f -', stdin: shared('warn') },
  { run: 'get configmap shared -n NS -o yaml --show-managed-fields', since: 21 },
  { run: 'apply -f - --validate=true', stdin: settings('info').replace('\ndata:', '\ndta:'), code: 1 },
  { run: 'scale deployment shop -n NS --replicas=3' },
  { run: 'scale deployment shop -n NS --replicas=2 --current-replicas=3' },
  { run: 'patch deployment shop -n NS -p {"spec":{"template":{"spec":{"containers":[{"name":"shop","image":"acme/shop:1.1.0"}]}}}}' },
  { run: 'patch deployment shop -n NS --type=merge -p {"spec":{"minReadySeconds":1}}' },
  { run: 'patch configmap settings -n NS --type=json -p [{"op":"replace","path":"/data/level","value":"trace"}]' },
  { run: 'patch deployment shop -n NS --type=merge -p {"spec":{"replicas":-1}}', code: 1 },
  { run: 'set image deployment/shop -n NS shop=acme/shop:1.2.0' },
  { run: 'set env deployment/shop -n NS LEVEL=info' },
  { run: 'rollout status deployment/shop -n NS', running: true },
  { run: 'rollout history deployment/shop -n NS' },
  { run: 'rollout undo deployment/shop -n NS' },
  { run: 'rollout pause deployment/tiny -n NS' },
  { run: 'rollout resume deployment/tiny -n NS' },
  { run: 'rollout restart deployment/tiny -n NS' },
  { run: 'label configmap settings -n NS tier=front' },
  { run: 'label configmap settings -n NS tier-' },
  { run: 'label configmap settings -n NS tier=back --overwrite' },
  { run: 'annotate deployment shop -n NS owner=storefront' },
  { run: 'replace -f -', stdin: settings('error') },
  { run: 'wait --for=condition=Available deployment/shop -n NS --timeout=20s', running: true },
  { run: 'get pods -n NS -w -o name', ends: /(?:pod\/.*\n){5}/ },
  { run: 'get configmaps -n NS --watch-only --request-timeout=1s -o name', ends: quiet },
  { run: 'expose deployment tiny -n NS --port=80' },
  { run: 'autoscale deployment tiny -n NS --max=3', code: 1, demo: true },
  { run: 'top pods -n NS', code: 1, demo: true },

  // What opens a tunnel
  { run: 'exec deployment/shop -n NS -- echo hello', refused: /exec/ },
  { run: 'exec -it deployment/shop -n NS -- sh', refused: /exec/ },
  { run: 'attach deployment/shop -n NS', refused: /attach/ },
  { run: 'cp NS/nobody:/etc/passwd /tmp/sluice-suite-copy', refused: /./ },
  { run: 'port-forward deployment/shop -n NS 0:8080', refused: /./, demo: true },
  { run: 'get --raw RAW/api/v1/namespaces/NS/services/shop:80/proxy/', refused: /proxy/ },
  { run: 'get --raw RAW/api/v1/nodes/node-1/proxy/configz', refused: /proxy/ },

  // Taking them away
  { run: 'delete configmap made -n NS' },
  { run: 'delete configmap made -n NS', code: 1 },
  { run: 'delete configmap made -n NS --ignore-not-found' },
  { run: 'delete secret made -n NS --dry-run=server' },
  { run: 'delete pod single -n NS --now' },
  { run: 'delete pods -n NS -l app=tiny --wait=false' },
  { run: 'delete secret made key -n NS' },
  { run: 'delete -f -', stdin: service },
  { run: 'delete configmaps -n NS --all', since: 21, differs: /configmap/ },
  { run: 'delete deployment shop tiny -n NS --cascade=background', since: 20 },
]
