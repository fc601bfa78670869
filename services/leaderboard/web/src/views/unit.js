/* A unit against its targets: what is reached, the pace it needs and has, and its laggards first. Made to be printed too. */
import { h, icon } from "../lib/dom.js";
import { campaignOf, get, paths } from "../lib/api.js";
import { dayTime, fullTime, number, percent, t } from "../lib/i18n.js";
import { shareBar } from "../parts/bar.js";
import { breadcrumb } from "../parts/breadcrumb.js";
import { boardAddress } from "./board.js";

const what = (period) => t(period.counts === "people" ? "unit.people" : "unit.initiatives");
const valueOf = (period) => (period.counts === "people" ? period.people ?? 0 : period.counted);
const nameOf = (period) => (period.phase === "all" ? t("unit.phase_all") : period.name ?? t("unit.phase", { number: period.phase ?? period.round }));
const fact = (name, value) => h("div", null, h("dt", null, t(`unit.${name}`)), h("dd", null, value));
const dash = (value, digits) => (value === null ? "–" : number(value, digits));

function periodPanel(period) {
	const value = valueOf(period), { target } = period;
	return h("section", { class: `panel period${period.met ? " met" : ""}` },
		h("div", { class: "total-head" }, h("h2", null, nameOf(period)),
			period.met === null ? null : h("p", { class: `chip ${period.met ? "open" : "soon"}` }, t(period.met ? "unit.met" : "unit.not_met"))),
		h("p", { class: "muted" }, t("unit.dates", { from: dayTime(period.starts_at), to: dayTime(Date.parse(period.ends_at) - 1) })),
		h("p", { class: "period-share" }, h("strong", null, target === null ? number(value) : percent(period.percent))),
		target === null ? null : shareBar(value, target, Math.max(value, target)),
		h("p", null, target === null ? t("unit.no_target") : t("unit.of", { value: number(value), target: number(target), what: what(period) })),
		period.target_mismatch && period.parts_target !== null ? h("p", { class: "note warn" }, t("unit.mismatch", { target: number(target), parts: number(period.parts_target) })) : null,
		h("dl", { class: "period-facts" },
			fact("days_left", number(period.days_left)), fact("required", dash(period.required_per_day, 1)),
			fact("pace", number(period.pace_per_day, 1)), fact("projected", number(period.projected))));
}

/* The period by which the children are ordered: the phase that runs or comes next, where any has a target there. */
function decisive(children, asOf) {
	const of = (child) => child.phases.find((one) => one.phase !== "all" && Date.parse(one.ends_at) > asOf);
	return children.some((child) => of(child)?.target != null) ? of : (child) => child.phases.find((one) => one.phase === "all");
}

function childrenTable(campaign, progress) {
	if (progress.children.length === 0) return null;
	const of = decisive(progress.children, Date.parse(progress.as_of));
	return h("section", { class: "panel children-panel" }, h("h2", null, t("unit.children")),
		h("table", { class: "children" },
			h("thead", null, h("tr", null, h("th", { scope: "col" }, t("unit.name")),
				["counted", "target", "share", "required", "pace"].map((name) => h("th", { scope: "col", class: `number col-${name}` }, t(`unit.${name}`))))),
			h("tbody", null, progress.children.map((child) => {
				const period = of(child) ?? child.phases[0];
				return h("tr", null, h("th", { scope: "row" }, h("a", { href: `/c/${encodeURIComponent(campaign.code)}/don-vi/${encodeURIComponent(child.unit)}` }, child.name)),
					h("td", { class: "number" }, number(valueOf(period))), h("td", { class: "number" }, dash(period.target)),
					h("td", { class: `number${period.percent >= 100 ? " share beyond" : ""}` }, percent(period.percent)),
					h("td", { class: "number col-required" }, dash(period.required_per_day, 1)), h("td", { class: "number col-pace" }, number(period.pace_per_day, 1)));
			}))));
}

export async function show(root, { campaign: code, unit, signal, setTitle }) {
	const [campaign, progress, line] = await Promise.all([
		campaignOf(code, signal), get(paths.progress(code, unit), signal),
		get(paths.units(code, { line: unit }), signal).then(({ units }) => units)]);
	const part = encodeURIComponent(code), own = encodeURIComponent(unit);
	setTitle(`${t("unit.title")}: ${progress.name}`);
	root.replaceChildren(
		h("header", { class: "board-head" }, h("div", null, breadcrumb(campaign, line, { metric: "counted", phase: "all" }),
			h("h1", null, progress.name), h("p", { class: "muted" }, campaign.name, " · ", t("unit.as_of", { at: fullTime(progress.as_of) }))),
		h("p", { class: "actions" },
			h("a", { class: "button small", href: boardAddress(code, { unit: line.length > 1 ? unit : null }) }, icon("board"), t("unit.board")),
			h("a", { class: "button small", href: `/c/${part}/to-roi/${own}` }, icon("qr"), t("board.poster")),
			h("button", { class: "button small", type: "button", onclick: () => print() }, icon("print"), t("unit.print")))),
		h("div", { class: "periods" }, [...progress.phases, ...progress.rounds].map(periodPanel)),
		childrenTable(campaign, progress) ?? "");
}
