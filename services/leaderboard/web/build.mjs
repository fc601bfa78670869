/* Builds the page: `node build.mjs FOLDER-OF-NODE-MODULES OUT`. Bundles get hashed names below OUT/assets, the shell is OUT/index.html;
 * beside each stands its .gz, which nginx sends as it is. */
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
mkdirSync(join(fresh, "assets"), { recursive: true });
const result = await esbuild.build({
	absWorkingDir: here,
	entryPoints: ["src/page.js", "src/theme.js", "src/page.css", "src/mark.svg"],
	nodePaths: [modules],
	outdir: join(fresh, "assets"),
	bundle: true, splitting: true, format: "esm", minify: true, metafile: true, legalComments: "none",
	target: ["es2020", "chrome92", "firefox90", "safari15.4"],
	entryNames: "[name]-[hash]", chunkNames: "[name]-[hash]", assetNames: "[name]-[hash]",
	loader: { ".woff2": "file", ".svg": "file", ".webp": "file", ".png": "file" },
	publicPath: "/assets",
	plugins: [mapOfPage],
	logLevel: "warning",
});

/* The hashed name of each source that became a file of its own. */
const names = new Map();
const imports = new Map();
for (const [file, about] of Object.entries(result.metafile.outputs)) {
	if (about.entryPoint) names.set(about.entryPoint, basename(file));
	imports.set(basename(file), about.imports.filter((i) => i.kind === "import-statement").map((i) => basename(i.path)));
	if (/\.(woff2|svg|webp|png)$/.test(file)) names.set(basename(Object.keys(about.inputs)[0]), basename(file));
}
const chunksOf = (file, seen = new Set()) => {
	for (const other of imports.get(file) ?? []) if (!seen.has(other)) chunksOf(other, seen.add(other));
	return seen;
};

function fill(template) {
	return readFileSync(join(here, "src", template), "utf8")
		.replace(/@([\w./-]+)@/g, (_, source) => {
			const name = names.get(source) ?? names.get(`src/${source}`);
			if (!name) throw new Error(`${template} names ${source}, which nothing was built from`);
			return `/assets/${name}`;
		})
		.replace("<!-- preload -->", [...chunksOf(names.get("src/page.js"))]
			.map((chunk) => `<link rel="modulepreload" href="/assets/${chunk}">`).join("\n"));
}
writeFileSync(join(fresh, "index.html"), fill("index.html"));

for (const folder of [fresh, join(fresh, "assets")])
	for (const file of readdirSync(folder))
		if (/\.(html|css|js|json|svg)$/.test(file))
			writeFileSync(join(folder, `${file}.gz`), gzipSync(readFileSync(join(folder, file)), { level: 9 }));
rmSync(out, { recursive: true, force: true });
renameSync(fresh, out);
