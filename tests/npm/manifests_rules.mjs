// What types cannot say of the manifests of one overlay: the programs know every variable, get every
// one that they require, and their connections fit; pods may do nothing they need not.
import path from "node:path";
import { execFileSync } from "node:child_process";

const PROGRAMS = ["core-api", "worker-tickets", "worker-email", "corectl"];
const CREDENTIALS = "CREDENTIALS_DIRECTORY"; // read by the programs, in no table
const DISPATCHER = 1; // core-api's, beside its pools
const WATCHER = 1; // core-api's with a replica, to both servers
const REPLICA_POOL = "REPLICA_POOL_MAX"; // the one pool that is not the primary's
const RESERVED = 3 + 5; // superuser_reserved_connections, and operators with psql

// The rows that each program prints of itself: name -> {secret, required, fallback}.
export function programTables(directory) {
	const row = /^\| `([A-Z_]+)` \| (.*) \| (.*) \|$/;
	return Object.fromEntries(PROGRAMS.map((program) => {
		const text = execFileSync(path.join(directory, program), ["--print-config-table"],
			{ encoding: "utf8" });
		const keys = new Map(text.split("\n").map((line) => row.exec(line)).filter(Boolean)
			.map(([, name, fallback, help]) => [name, {
				secret: help.includes("(secret; or "),
				required: fallback === "required",
				fallback: fallback.replaceAll("`", ""),
			}]));
		return [program, keys];
	}));
}

// --- the pods of an overlay ---------------------------------------------------------------------

// Whatever makes pods: {object, pod}.
function workloads(objects) {
	return objects.map((object) => ({
		object,
		pod: object.spec?.jobTemplate?.spec.template.spec ?? object.spec?.template?.spec,
	})).filter(({ pod }) => pod?.containers);
}

const programOf = ({ image }) => image.replace(/:[^/]*$/, "").split("/").pop();
const containersOf = (pod) => [...(pod.initContainers ?? []), ...pod.containers];

// What a container of ours gets: settings by name, secrets by name.
function inputs(context, pod, container) {
	const maps = (container.envFrom ?? []).map(({ configMapRef }) =>
		context.objects.find(({ kind, metadata }) =>
			kind === "ConfigMap" && metadata.name === configMapRef.name)?.data ?? {});
	const own = Object.fromEntries((container.env ?? []).map(({ name, value }) => [name, value]));
	const mounted = new Set((container.volumeMounts ?? []).map(({ name }) => name));
	const secrets = (pod.volumes ?? []).filter(({ name, secret }) => secret && mounted.has(name))
		.flatMap(({ secret }) => secret.items.map(({ key }) => key));
	return { shared: Object.assign({}, ...maps), own, secrets };
}

// --- variables ----------------------------------------------------------------------------------

function judgeVariables(context, where, pod, container) {
	const { tables, fault } = context;
	const keys = tables[programOf(container)];
	const { shared, own, secrets } = inputs(context, pod, container);

	for (const name of Object.keys(shared))
		if (!PROGRAMS.some((program) => tables[program].has(name)))
			fault(where, `no program reads ${name} of the ConfigMap`);
	for (const name of Object.keys(own))
		if (name !== CREDENTIALS && !keys.has(name))
			fault(where, `${programOf(container)} does not read ${name}`);
	for (const name of Object.keys({ ...shared, ...own }))
		if (keys.get(name)?.secret)
			fault(where, `the secret ${name} stands in the open`);
	for (const name of secrets)
		if (!keys.get(name)?.secret)
			fault(where, `${programOf(container)} reads no secret ${name}`);
	for (const [name, { required }] of keys)
		if (required && !secrets.includes(name) && !(name in shared) && !(name in own))
			fault(where, `${name} is required`);
	if (secrets.length > 0 && own[CREDENTIALS] === undefined)
		fault(where, `secrets are mounted, ${CREDENTIALS} does not say where`);
}

// Keys of the Secret: those that pods mount and that KEDA takes, no others.
function judgeSecret(context) {
	const { objects, file, fault } = context;
	const secret = objects.find(({ kind }) => kind === "Secret") ?? context.secret;
	const there = Object.keys({ ...secret.data, ...secret.stringData });
	const wanted = new Set([
		...workloads(objects).flatMap(({ pod }) => (pod.volumes ?? []).flatMap(
			(volume) => volume.secret?.items.map(({ key }) => key) ?? [])),
		...objects.filter(({ kind }) => kind === "TriggerAuthentication").flatMap(
			({ spec }) => spec.secretTargetRef.map(({ key }) => key)),
	]);
	for (const key of wanted)
		if (!there.includes(key))
			fault(file, `the Secret lacks ${key}`);
	for (const key of there)
		if (!wanted.has(key))
			fault(file, `nobody takes ${key} from the Secret`);
}

// --- connections --------------------------------------------------------------------------------

// Pods at once at most: all that the scaler allows, and in a rollout those that are new and those
// that end, of one step each.
function peakPods({ objects, fault }, object) {
	const { name } = object.metadata;
	if (object.kind !== "Deployment")
		return object.spec.parallelism ?? 1;
	const scalers = objects.filter(({ kind, spec }) => spec?.scaleTargetRef?.name === name
		&& ["HorizontalPodAutoscaler", "ScaledObject"].includes(kind));
	if (scalers.length !== 1)
		fault(name, `${scalers.length} scalers, not one`);
	const { maxSurge, maxUnavailable } = object.spec.strategy.rollingUpdate;
	const grace = object.spec.template.spec.terminationGracePeriodSeconds;
	if (!Number.isInteger(maxSurge) || !Number.isInteger(maxUnavailable))
		fault(name, "maxSurge and maxUnavailable must be numbers of pods");
	if (object.spec.minReadySeconds < grace)
		fault(name, "a step of a rollout is shorter than the end of a pod");
	const { maxReplicas, maxReplicaCount } = scalers[0]?.spec ?? {};
	return (maxReplicas ?? maxReplicaCount ?? 1) + 2 * maxSurge + maxUnavailable;
}

const total = (numbers) => numbers.reduce((a, b) => a + b, 0);

// Connections of one container to the primary and to the replica: every pool of its program, or the
// one of corectl.
function containerConnections(context, pod, container) {
	const keys = context.tables[programOf(container)];
	const { shared, own } = inputs(context, pod, container);
	const setting = (name) => own[name] ?? shared[name] ?? keys.get(name)?.fallback;
	const pools = [...keys.keys()].filter((name) => name.endsWith("_POOL_MAX") && name !== REPLICA_POOL);
	const primary = total(pools.map((name) => Number(setting(name))));
	if (programOf(container) !== "core-api")
		return { primary: Math.max(primary, 1), replica: 0 };
	const watcher = setting("DB_REPLICA_HOST") ? WATCHER : 0;
	return {
		primary: primary + DISPATCHER + watcher,
		replica: watcher && Number(setting(REPLICA_POOL)) + watcher,
	};
}

// Of one pod: init containers end before the others begin.
function podConnections(context, pod) {
	const each = containersOf(pod).map((container) => containerConnections(context, pod, container));
	return {
		primary: Math.max(...each.map(({ primary }) => primary)),
		replica: Math.max(...each.map(({ replica }) => replica)),
	};
}

function judgeConnections(context, ours) {
	const { objects, file, fault } = context;
	const settings = objects.find(({ kind, data }) => kind === "ConfigMap"
		&& data?.["postgresql.conf"])?.data["postgresql.conf"] ?? "";
	const limit = Number(/^max_connections = (\d+)$/m.exec(settings)?.[1] ?? 0);
	const all = ours.map(({ object, pod }) => ({
		name: object.metadata.name,
		pods: peakPods(context, object),
		...podConnections(context, pod),
	}));
	for (const server of ["primary", "replica"]) {
		const rows = all.filter((row) => row[server] > 0);
		const sum = RESERVED + total(rows.map((row) => row.pods * row[server]));
		if (rows.length > 0)
			console.log(`${file}: connections to the ${server}: ${rows.map((row) =>
				`${row.name} ${row.pods} x ${row[server]}`).join(", ")}, reserved ${RESERVED}: `
				+ `${sum} of ${limit}`);
		if (sum > limit)
			fault(file, `${sum} connections, the ${server} takes ${limit}`);
	}
}

// --- pods ---------------------------------------------------------------------------------------

// The `restricted` profile, a root that nobody writes to, and no variables of other Services.
function judgeSecurity({ fault }, where, pod) {
	const is = (good, what) => good || fault(where, what);
	const { securityContext: all = {} } = pod;
	is(all.runAsNonRoot === true && all.runAsUser > 0, "runs as root");
	is(all.seccompProfile?.type === "RuntimeDefault", "no seccomp profile");
	is(pod.automountServiceAccountToken === false, "gets a token of the cluster");
	is(pod.enableServiceLinks === false, "gets variables of Services, REDIS_QUEUE_PORT among them");
	for (const { name, securityContext: own = {}, resources = {} } of containersOf(pod)) {
		is(own.allowPrivilegeEscalation === false, `${name} may gain privileges`);
		is(own.readOnlyRootFilesystem === true, `${name} may write to its root`);
		is(own.capabilities?.drop?.includes("ALL"), `${name} keeps capabilities`);
		is(resources.limits?.memory && resources.requests?.cpu, `${name} has no resources`);
	}
}

// Names that refer to nothing.
function judgeReferences({ objects, file, fault }) {
	const labelled = (wanted) => objects.some(({ spec }) => {
		const labels = spec?.template?.metadata?.labels ?? {};
		return Object.entries(wanted).every(([key, value]) => labels[key] === value);
	});
	for (const { kind, metadata, spec } of objects) {
		const where = `${file}: ${kind} ${metadata.name}`;
		const target = spec?.scaleTargetRef?.name;
		if (target && !objects.some((o) => o.kind === "Deployment" && o.metadata.name === target))
			fault(where, `there is no Deployment ${target}`);
		const selector = kind === "Service" ? spec.selector
			: kind === "PodDisruptionBudget" ? spec.selector.matchLabels : undefined;
		if (selector && !labelled(selector))
			fault(where, "selects no pod");
		for (const { authenticationRef } of spec?.triggers ?? [])
			if (!objects.some((o) => o.kind === "TriggerAuthentication"
				&& o.metadata.name === authenticationRef.name))
				fault(where, `there is no TriggerAuthentication ${authenticationRef.name}`);
	}
}

export function judgeOverlay(context) {
	const all = workloads(context.objects);
	const ours = all.filter(({ pod }) => PROGRAMS.includes(programOf(pod.containers[0])));

	for (const { object, pod } of all) {
		const where = `${context.file}: ${object.kind} ${object.metadata.name}`;
		judgeSecurity(context, where, pod);
		if (ours.some((entry) => entry.object === object))
			for (const container of containersOf(pod))
				judgeVariables(context, where, pod, container);
	}
	judgeSecret(context);
	judgeConnections(context, ours);
	judgeReferences(context);
}

// Services of a compose file that run a program of ours; secrets stand in the environment there.
export function judgeCompose({ compose, file, tables, fault }) {
	for (const [name, { image, environment = {} }] of Object.entries(compose.services)) {
		const keys = tables[programOf({ image })];
		for (const variable of keys ? Object.keys(environment) : [])
			if (!keys.has(variable))
				fault(`${file}: ${name}`, `${programOf({ image })} does not read ${variable}`);
		for (const [variable, { required }] of keys ?? [])
			if (required && environment[variable] === undefined)
				fault(`${file}: ${name}`, `${variable} is required`);
	}
}
