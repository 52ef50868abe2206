// Hold the manifests against Kubernetes' types and against the programs:
//
//	node manifests.mjs NODE_MODULES BIN_DIR COMPOSE.yaml EXAMPLE.yaml... -- RENDERED.yaml...
//
// Of the compose file only the variables are judged. A RENDERED file is what `kubectl kustomize` prints of one overlay; an EXAMPLE stands beside the
// manifests and is judged by its types alone, but for the Secret, whose keys are those that an
// overlay without a Secret expects. Every object is judged twice, those of KEDA and of the
// Prometheus operator too: by its schema (required fields, values) and by the compiler (words that
// do not exist). The rest is in manifests_rules.mjs. Exit 1 on a fault, each of which is a line.
import fs from "node:fs";
import path from "node:path";
import { execFileSync } from "node:child_process";
import { createRequire } from "node:module";

import { programTables, judgeCompose, judgeOverlay } from "./manifests_rules.mjs";

const [modules, binDirectory, composeFile, ...files] = process.argv.slice(2);
const root = path.resolve(modules);
const require = createRequire(path.join(root, "index.js"));
const YAML = require("yaml");

const CUSTOM = {
	"keda.sh": "@kubernetes-models/keda/",
	"monitoring.coreos.com": "@kubernetes-models/prometheus-operator/",
};

const faults = [];
const fault = (where, what) => faults.push(`${where}: ${what}`);

function read(file) {
	return YAML.parseAllDocuments(fs.readFileSync(file, "utf8"))
		.map((document) => {
			for (const error of document.errors)
				fault(file, error.message);
			return document.toJS();
		})
		.filter((object) => object !== null)
		.map((object) => ({ object, name: `${file}: ${object.kind} ${object.metadata?.name}` }));
}

// --- types --------------------------------------------------------------------------------------

function moduleOf({ apiVersion, kind }) {
	const group = apiVersion.includes("/") ? apiVersion.split("/")[0] : "";
	return `${CUSTOM[group] ?? "kubernetes-models/"}${apiVersion}/${kind}`;
}

function judgeBySchema({ object, name }) {
	const file = path.join(root, `${moduleOf(object)}.js`);
	if (!fs.existsSync(file)) {
		fault(name, `no type is known for ${object.apiVersion} ${object.kind}`);
		return false;
	}
	const { [object.kind]: Model } = require(file);
	try {
		new Model(object).validate();
	} catch (error) {
		fault(name, error.message);
	}
	return true;
}

// One literal an object, so that the compiler refuses words that the type does not have.
function judgeByCompiler(objects) {
	const directory = path.join(root, "..");
	const lines = objects.flatMap(({ object, name }, i) => [
		`import type { I${object.kind} as T${i} } from "${moduleOf(object)}";`,
		`const o${i}: T${i} = ${JSON.stringify(object)}; // ${name}`,
		`void o${i};`,
	]);
	fs.writeFileSync(path.join(directory, "objects.ts"), lines.join("\n"));
	fs.writeFileSync(path.join(directory, "tsconfig.json"), JSON.stringify({
		compilerOptions: { noEmit: true, strict: true, skipLibCheck: true, module: "commonjs", types: [] },
		files: ["objects.ts"],
	}));
	try {
		execFileSync(process.execPath, [path.join(root, "typescript/bin/tsc"), "-p", directory],
			{ encoding: "utf8" });
	} catch (error) {
		for (const line of (error.stdout ?? String(error)).trim().split("\n")) {
			const [, at] = /^\S*objects\.ts\((\d+)/.exec(line) ?? [];
			const about = at ? lines[at - 1].replace(/.*; \/\/ /, "") : "tsc";
			fault(about, line.replace(/^\S*: error /, ""));
		}
	}
}

// --- all of it ----------------------------------------------------------------------------------

const split = files.indexOf("--");
const examples = files.slice(0, split).flatMap(read);
const overlays = files.slice(split + 1).map((file) => ({ file, objects: read(file) }));
const all = [...examples, ...overlays.flatMap(({ objects }) => objects)];

const typed = [];
for (const entry of all)
	if (judgeBySchema(entry))
		typed.push(entry);
judgeByCompiler(typed);

const tables = programTables(binDirectory);
judgeCompose({ file: composeFile, tables, fault,
	compose: YAML.parse(fs.readFileSync(composeFile, "utf8"), { merge: true }) });
const secret = examples.map(({ object }) => object).find(({ kind }) => kind === "Secret");
for (const { file, objects } of overlays)
	judgeOverlay({ file, objects: objects.map(({ object }) => object), secret, tables, fault });

for (const line of faults)
	console.log(line);
console.log(`${all.length} objects, ${faults.length} faults`);
process.exit(faults.length ? 1 : 0);
