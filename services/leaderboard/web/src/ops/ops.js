/* The operators' page: what runs, how fast, how late, and whether all agrees; every second, as the instances' /metrics say. */
import { chooseLanguage, fullTime, number, t } from "../lib/i18n.js";
import { h, s, setText } from "../lib/dom.js";
import { wait } from "../lib/clock.js";
import { languageLink, themeButton } from "../parts/tools.js";
import { BrandMark } from "../parts/brand.js";
import { Rate, figuresOf, wholeOf } from "./figures.js";

const EVERY_MS = 1000, SOON_MS = 300, LATE_MS = 8000, KEPT = 300, MEBIBYTE = 2 ** 20;
const HEAD = ["instance", "state", "since", "rate", "waiting", "oldest", "errors", "memory"];
const dash = (value, say = number) => (value === null || value === undefined ? "–" : say(value));
const perSecond = (value) => dash(value, (known) => t("ops.per_second", { value: number(known, 1) }));

/* The line of a rate over the last five minutes. For the eye: the figure stands above it. */
function Spark() {
	const line = s("path", { class: "spark-line" }), values = [];
	return {
		element: s("svg", { class: "spark", viewBox: `0 0 ${KEPT} 30`, preserveAspectRatio: "none", "aria-hidden": "true" }, line),
		add(value) {
			values.push(value);
			if (values.length > KEPT) values.shift();
			const top = Math.max(1, ...values);
			line.setAttribute("d", `M${values.map((one, i) => `${KEPT - values.length + i} ${(28 - (26 * one) / top).toFixed(1)}`).join("L")}`);
		},
	};
}

function Card(name, spark = null) {
	const value = h("dd", { class: "ops-value" }), more = h("dd", { class: "muted" });
	const element = h("div", { class: "panel ops-card", "data-card": name }, h("dt", null, t(`ops.${name}`)), value, more, spark?.element);
	return { element, show(text, detail, state = "") {
		setText(value, text);
		setText(more, detail);
		element.dataset.state = state;
	} };
}

function Cards() {
	const line = Spark(), accepted = Rate(), decided = Rate();
	const cards = { received: Card("received", line), decided: Card("decided"), pending: Card("pending"), board: Card("board"), drift: Card("drift"), errors: Card("errors") };
	const ago = (seconds) => dash(seconds, (known) => t("ops.ago", { seconds: number(known) }));
	return {
		element: h("dl", { class: "ops-cards" }, Object.values(cards).map((card) => card.element)),
		show(at, instances, whole) {
			const total = (name) => instances.reduce((all, one) => all + (one[name] ?? 0), 0);
			const rate = accepted(at, total("accepted"));
			line.add(rate ?? 0);
			cards.received.show(perSecond(rate), t("ops.since_start", { count: number(total("accepted")) }));
			cards.decided.show(perSecond(decided(at, total("decided"))), t("ops.since_start", { count: number(total("decided")) }));
			cards.pending.show(dash(whole.pending), t("ops.oldest_is", { seconds: dash(whole.pendingOldest) }), whole.pending > 0 ? "warn" : "");
			cards.board.show(dash(whole.boardAge, (age) => t("ops.seconds", { seconds: number(age) })), t("ops.behind", { versions: dash(whole.boardBehind) }), whole.boardBehind > 0 ? "warn" : "");
			cards.drift.show(dash(whole.drift), t("ops.audits", { boards: ago(whole.auditBoards), recount: ago(whole.auditRecount) }), whole.drift > 0 ? "bad" : "");
			cards.errors.show(dash(whole.errors), t("ops.quarantined", { count: dash(whole.quarantined) }), whole.errors > 0 ? "warn" : "");
		},
	};
}

const scrolled = (name, table) => h("section", { class: "panel", "aria-labelledby": `ops-${name}` }, h("h2", { id: `ops-${name}` }, t(`ops.${name}`)),
	h("div", { class: "ops-scroll", tabindex: "0", role: "group", "aria-labelledby": `ops-${name}` }, table));
const headOf = (names) => h("thead", null, h("tr", null, names.map((name, i) => h("th", { scope: "col", class: i > 1 ? "number" : null }, t(`ops.col_${name}`)))));

function stateChip({ away, ready }) {
	const [state, look] = away ? ["away", "rejected"] : ready ? ["ready", "counted"] : ["not_ready", "under_review"];
	return h("span", { class: `chip ${look}`, "data-state": state }, h("span", { class: "chip-dot" }), t(`ops.${state}`));
}

function Instances() {
	const body = h("tbody"), rates = new Map();
	return {
		element: scrolled("instances", h("table", { class: "children ops-table" }, headOf(HEAD), body)),
		show(at, instances) {
			body.replaceChildren(...instances.map((one) => {
				if (!rates.has(one.instance)) rates.set(one.instance, Rate());
				const rate = one.away ? null : rates.get(one.instance)(at, one.handled);
				const cells = [one.away ? "–" : fullTime(one.startedAt), dash(rate, (value) => number(value, 1)), dash(one.waiting), dash(one.oldestMs), dash(one.errors),
					dash(one.memory, (bytes) => number(bytes / MEBIBYTE))];
				return h("tr", { "data-instance": one.instance }, h("th", { scope: "row", title: one.version || null }, one.instance), h("td", null, stateChip(one)),
					cells.map((text) => h("td", { class: "number" }, text)));
			}));
		},
	};
}

function Checks() {
	const body = h("tbody");
	return {
		element: scrolled("checks", h("table", { class: "children ops-table" }, h("thead", null, h("tr", null, h("th", { scope: "col" }, t("ops.col_check")),
			["drift", "found"].map((name) => h("th", { scope: "col", class: "number" }, t(`ops.col_${name}`))))), body)),
		show: ({ checks }) => body.replaceChildren(...checks.map((one) => h("tr", { "data-check": one.check }, h("th", { scope: "row" }, one.check),
			h("td", { class: "number" }, number(one.now)), h("td", { class: "number" }, number(one.found))))),
	};
}

function Page() {
	const mark = h("p", { class: "mark", role: "status" }), asOf = h("p", { class: "muted as-of" }), servers = h("ul", { class: "ops-servers", "aria-label": t("ops.servers") });
	const cards = Cards(), table = Instances(), checks = Checks();
	const setMark = (state) => {
		if (mark.dataset.state === state) return;
		mark.dataset.state = state;
		mark.className = `mark ${state}`;
		mark.replaceChildren(h("span", { class: "chip-dot" }), t(`mark.${state}`));
	};
	setMark("cut");
	return {
		element: h("main", { id: "main" }, h("header", { class: "board-head" }, h("div", null, h("h1", null, t("ops.title")), servers), h("div", { class: "ops-as-of" }, mark, asOf)),
			cards.element, table.element, checks.element),
		cut: () => setMark("cut"),
		show({ at, instances, servers: states }) {
			const now = Date.parse(at), figures = instances.map(figuresOf), whole = wholeOf(figures);
			setMark("live");
			setText(asOf, t("ops.as_of", { at: fullTime(at) }));
			servers.replaceChildren(...states.map(({ server, up }) => h("li", { class: `chip ${up ? "counted" : "rejected"}`, "data-server": server, "data-state": up ? "ready" : "away" },
				h("span", { class: "chip-dot" }), `${server}: ${t(up ? "ops.up" : "ops.away")}`)));
			cards.show(now, figures, whole);
			table.show(now, figures);
			checks.show(whole);
		},
	};
}

/* Asks for as long as the page is looked at; what does not come is told, and asked for again. */
async function follow(page) {
	let shown = null;
	for (;;) {
		let figures = null;
		if (!document.hidden) {
			try {
				figures = await (await fetch("/figures", { signal: AbortSignal.timeout?.(LATE_MS) })).json();
			} catch {
				page.cut();
			}
			if (figures?.at && figures.at !== shown) {
				page.show(figures);
				shown = figures.at;
				document.documentElement.dataset.ready = "true";
			}
		}
		await wait(figures && !figures.at ? SOON_MS : EVERY_MS);
	}
}

chooseLanguage().then(() => {
	document.title = `${t("ops.title")} · ${t("brand")}`;
	const page = Page();
	document.body.append(h("header", { class: "head" }, h("div", { class: "head-inner" }, h("p", { class: "brand" }, BrandMark(), h("span", null, t("brand"))),
		h("div", { class: "tools" }, languageLink(), themeButton()))), page.element);
	return follow(page);
});
