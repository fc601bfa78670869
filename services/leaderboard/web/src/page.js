/* The page: finds the view of the address, shows it in the shell, and follows links without loading anew. */
import { chooseLanguage, t } from "./lib/i18n.js";
import { h } from "./lib/dom.js";
import { makeShell } from "./shell.js";
import { showProblem } from "./parts/problem.js";

/* Views in the order of their addresses; each is loaded when it is first asked for. */
const VIEWS = [
	[/^\/$/, () => import("./views/home.js")],
	[/^\/c\/([^/]+)$/, () => import("./views/board.js"), ["campaign"]],
	[/^\/c\/([^/]+)\/gui$/, () => import("./views/submit.js"), ["campaign"]],
	[/^\/c\/([^/]+)\/don-vi\/([^/]+)$/, () => import("./views/unit.js"), ["campaign", "unit"]],
	[/^\/c\/([^/]+)\/to-roi\/([^/]+)$/, () => import("./views/poster.js"), ["campaign", "unit"]],
	[/^\/tra-cuu(?:\/([^/]+))?$/, () => import("./views/track.js"), ["code"]],
	[/^\/huong-dan$/, () => import("./views/help.js")],
];

function find(path) {
	for (const [pattern, load, names = []] of VIEWS) {
		const match = pattern.exec(path);
		if (!match) continue;
		const parameters = {};
		try {
			names.forEach((name, i) => { parameters[name] = match[i + 1] && decodeURIComponent(match[i + 1]); });
		} catch {
			break; /* a percent sign that encodes nothing */
		}
		return { load, parameters };
	}
	return { load: () => import("./views/missing.js"), parameters: {} };
}

let shell = null, current = null;

/* `quiet`: the same view with other parameters of its query; focus and scrolling stay. */
async function show(quiet = false) {
	current?.abort();
	const turn = current = new AbortController();
	const { load, parameters } = find(location.pathname);
	const root = h("div", { class: "view" });
	shell.setCampaign(parameters.campaign);
	shell.markPlace(location.pathname);
	document.documentElement.classList.toggle("wall", new URLSearchParams(location.search).get("wall") === "1");
	try {
		const view = await load();
		if (turn.signal.aborted) return;
		if (!quiet) shell.place(root, turn.signal);
		await view.show(root, { ...parameters, query: new URLSearchParams(location.search), signal: turn.signal, go,
			setTitle: (title) => { document.title = title ? `${title} · ${t("brand")}` : t("brand"); } });
	} catch (error) {
		if (turn.signal.aborted) return;
		shell.place(root, turn.signal);
		showProblem(root, error, () => show());
	}
	if (!turn.signal.aborted) shell.ready(root, quiet);
}

export function go(address, { replace = false, quiet = false } = {}) {
	history[replace ? "replaceState" : "pushState"](null, "", address);
	return show(quiet);
}

addEventListener("popstate", () => { if (shell) show(); });
document.addEventListener("click", (event) => {
	const link = event.target.closest?.("a[href]");
	if (!link || event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
	if (link.target || link.hasAttribute("download") || link.origin !== location.origin) return;
	if (link.getAttribute("href").startsWith("#") || link.pathname.startsWith("/v1/")) return;
	event.preventDefault();
	go(link.href);
});
chooseLanguage().then(() => {
	shell = makeShell();
	document.body.append(...shell.elements);
	show();
});
