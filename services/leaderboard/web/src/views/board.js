/* The board: the total, the line of submissions, the map, and the units in their places, live. */
import { h, icon } from "../lib/dom.js";
import { campaignOf, get, paths } from "../lib/api.js";
import { follow } from "../lib/live.js";
import { t } from "../lib/i18n.js";
import { openingLine, openState } from "../parts/opening.js";
import { Total } from "../parts/total.js";
import { Ranking } from "../parts/ranking.js";
import { ProvinceMap } from "../parts/map.js";
import { History } from "../parts/history.js";
import { breadcrumb } from "../parts/breadcrumb.js";

const METRICS = ["counted", "people", "percent"];

function choiceOf(query, campaign) {
	const phase = query.get("phase");
	return {
		unit: query.get("unit") || null,
		metric: METRICS.includes(query.get("metric")) ? query.get("metric") : "counted",
		phase: campaign.phases.some((one) => String(one.number) === phase) ? phase : "all",
		wall: query.get("wall") === "1",
	};
}

export function boardAddress(code, { unit, metric, phase, wall }) {
	const query = new URLSearchParams();
	if (unit) query.set("unit", unit);
	if (metric && metric !== "counted") query.set("metric", metric);
	if (phase && phase !== "all") query.set("phase", phase);
	if (wall) query.set("wall", "1");
	const text = query.toString();
	return `/c/${encodeURIComponent(code)}${text ? `?${text}` : ""}`;
}

function metricSwitch(code, choice, go) {
	return h("div", { class: "segments", role: "group", "aria-label": t("board.metric") },
		METRICS.map((metric) => h("button", { type: "button", class: "segment", "aria-pressed": String(metric === choice.metric),
			onclick: () => go(boardAddress(code, { ...choice, metric }), { replace: true, quiet: true }) }, t(`metric.${metric}`))));
}

function phaseSelect(campaign, choice, go) {
	if (campaign.phases.length < 2) return null;
	const select = h("select", { "aria-label": t("board.phase"), class: "phase-select",
		onchange: (event) => go(boardAddress(campaign.code, { ...choice, phase: event.target.value }), { replace: true, quiet: true }) },
	h("option", { value: "all" }, t("board.whole")),
	campaign.phases.map((phase) => h("option", { value: String(phase.number) }, phase.name)));
	select.value = choice.phase;
	return select;
}

function tools(campaign, choice) {
	const code = encodeURIComponent(campaign.code);
	return h("p", { class: "board-tools" },
		choice.unit ? h("a", { class: "button small", href: `/c/${code}/don-vi/${encodeURIComponent(choice.unit)}` }, icon("pulse"), t("board.progress")) : null,
		choice.unit ? h("a", { class: "button small", href: `/c/${code}/to-roi/${encodeURIComponent(choice.unit)}` }, icon("qr"), t("board.poster")) : null,
		h("a", { class: "button small", href: boardAddress(campaign.code, { ...choice, wall: true }) }, icon("wall"), t("board.wall")));
}

/* What a board is made of. The parts live as long as the place (campaign and unit); metric and phase change within. */
function lay(root, campaign, line, choice, context) {
	const state = openState(campaign);
	const submit = h("a", { class: "button primary", href: `/c/${encodeURIComponent(campaign.code)}/gui` }, icon("pen"), t("nav.submit"));
	const unit = line.at(-1);
	const parts = {
		total: Total(),
		ranking: Ranking(campaign, choice),
		map: choice.unit ? null : ProvinceMap(),
		history: History(campaign, choice.unit, context.signal),
	};
	parts.map?.pair(parts.ranking, (code) => context.go(boardAddress(campaign.code, { ...choice, wall: false, unit: code })));
	root.replaceChildren(
		h("header", { class: "board-head" },
			h("div", null, choice.unit ? breadcrumb(campaign, line, choice) : null,
				h("h1", null, choice.unit ? unit.name : campaign.name),
				openingLine(campaign, context.signal, () => context.again())),
			state === "open" ? submit : null),
		h("div", { class: "board-top" }, parts.total.element, parts.history.element),
		h("div", { class: "board-bar" }, metricSwitch(campaign.code, choice, context.go), phaseSelect(campaign, choice, context.go), tools(campaign, choice)),
		h("div", { class: parts.map ? "board-main with-map" : "board-main" }, parts.map?.element, parts.ranking.element),
		...(choice.wall ? [h("a", { class: "wall-leave", href: boardAddress(campaign.code, { ...choice, wall: false }) }, t("board.leave_wall"))] : []));
	return parts;
}

/* Rows that differ into the board that stands. */
function merge(board, change) {
	const rows = new Map(board.rows.map((row) => [row.unit, row]));
	for (const unit of change.removed) rows.delete(unit);
	for (const row of change.rows) rows.set(row.unit, row);
	const sorted = [...rows.values()].sort((a, b) => a.rank - b.rank || (a.unit < b.unit ? -1 : 1));
	return { ...board, ...change, rows: sorted };
}

export async function show(root, context) {
	const { query, signal, setTitle } = context;
	const campaign = await campaignOf(context.campaign, signal);
	const choice = choiceOf(query, campaign);
	const values = { metric: choice.metric, phase: choice.phase, parent: choice.unit };
	const [first, line] = await Promise.all([
		get(paths.board(campaign.code, values), signal),
		choice.unit ? get(paths.units(campaign.code, { line: choice.unit }), signal).then(({ units }) => units) : [],
	]);
	setTitle(choice.unit ? line.at(-1).name : campaign.name);
	/* A choice within the board is drawn into the view that stands. */
	const place = root.isConnected ? root : document.querySelector("#main .view") ?? root;
	const parts = lay(place, campaign, line, choice, { ...context, again: () => context.go(location.href, { replace: true }) });
	let board = first;
	const draw = () => {
		parts.total.show(board);
		parts.ranking.show(board);
		parts.map?.show(board, choice.metric);
		parts.history.moved(board.version);
	};
	draw();
	follow(paths.boardEvents(campaign.code, values), {
		events: {
			board: (whole) => { board = whole; draw(); },
			change: (change) => { board = merge(board, change); draw(); },
		},
		state: (state) => parts.total.setLink(state),
	}, signal);
}
