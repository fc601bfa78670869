/* Builds the page: `node build.mjs FOLDER-OF-NODE-MODULES OUT`. Bundles get hashed names below OUT/assets, the shell is OUT/index.html;
 * beside each stands its .gz, which nginx sends as it is. The operators' page lies in OUT/ops. */
import { createRequire } from "node:module";
import { mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";
import { makeMap } from "./map.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const [modules, out] = process.argv.slice(2).map((path) => resolve(path));
const require = createRequire(join(modules, "here.js"));
const esbuild = require("esbuild");
const load = async (name) => (await import(pathToFileURL(join(modules, name)))).default;

const map = makeMap(await load("@svg-maps/vietnam/index.js"), join(here, "../../../deploy/units"));
const mapOfPage = {
	name: "map",
	setup(build) {
		build.onResolve({ filter: /^page:map$/ }, () => ({ path: "map", namespace: "page" }));
		build.onLoad({ filter: /.*/, namespace: "page" }, () => ({ contents: JSON.stringify(map), loader: "json" }));
	},
};

const fresh = `${out}.new`;
rmSync(fresh, { recursive: true, force: true });

/* Bundles into `folder`; gives the hashed name of each source that became a file of its own, and what each file imports at once. */
async function bundle(folder, entryPoints) {
	mkdirSync(folder, { recursive: true });
	const { metafile } = await esbuild.build({
		absWorkingDir: here, entryPoints, nodePaths: [modules], outdir: folder, outbase: "src",
		bundle: true, splitting: true, format: "esm", minify: true, metafile: true, legalComments: "none",
		target: ["es2020", "chrome92", "firefox90", "safari15.4"],
		entryNames: "[name]-[hash]", chunkNames: "[name]-[hash]", assetNames: "[name]-[hash]",
		loader: { ".woff2": "file", ".svg": "file", ".webp": "file", ".png": "file" },
		publicPath: "/assets",
		plugins: [mapOfPage],
		logLevel: "warning",
	});
	const names = new Map(), imports = new Map();
	for (const [file, about] of Object.entries(metafile.outputs)) {
		if (about.entryPoint) names.set(about.entryPoint, basename(file));
		imports.set(basename(file), about.imports.filter((i) => i.kind === "import-statement").map((i) => basename(i.path)));
		if (/\.(woff2|svg|webp|png)$/.test(file)) names.set(basename(Object.keys(about.inputs)[0]), basename(file));
	}
	return { names, imports };
}

function chunksOf(imports, file, seen = new Set()) {
	for (const other of imports.get(file) ?? []) if (!seen.has(other)) chunksOf(imports, other, seen.add(other));
	return seen;
}

function fill(template, { names, imports }, script) {
	return readFileSync(join(here, "src", template), "utf8")
		.replace(/@([\w./-]+)@/g, (_, source) => {
			const name = names.get(source) ?? names.get(`src/${source}`);
			if (!name) throw new Error(`${template} names ${source}, which nothing was built from`);
			return `/assets/${name}`;
		})
		.replace("<!-- preload -->", [...chunksOf(imports, names.get(script))]
			.map((chunk) => `<link rel="modulepreload" href="/assets/${chunk}">`).join("\n"));
}

const page = await bundle(join(fresh, "assets"), ["src/page.js", "src/theme.js", "src/page.css", "src/mark.svg"]);
writeFileSync(join(fresh, "index.html"), fill("index.html", page, "src/page.js"));
/* The operators' page is served elsewhere: none of its files lies among the public ones. */
const ops = await bundle(join(fresh, "ops"), ["src/ops/ops.js", "src/theme.js", "src/ops/ops.css", "src/mark.svg"]);
writeFileSync(join(fresh, "ops", "index.html"), fill("ops/index.html", ops, "src/ops/ops.js"));

for (const folder of [fresh, join(fresh, "assets")])
	for (const file of readdirSync(folder))
		if (/\.(html|css|js|json|svg)$/.test(file))
			writeFileSync(join(folder, `${file}.gz`), gzipSync(readFileSync(join(folder, file)), { level: 9 }));
rmSync(out, { recursive: true, force: true });
renameSync(fresh, out);
