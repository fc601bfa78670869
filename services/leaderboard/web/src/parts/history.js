/* The line of what was counted: by the hour for the last day, by the day for the campaign. */
import { h, s, setText } from "../lib/dom.js";
import { get, paths } from "../lib/api.js";
import { dayTime, hourTime, number, shortDay, t } from "../lib/i18n.js";

const HEIGHT = 170, TOP = 18, BOTTOM = 24, RIGHT = 5, AGAIN_MS = 15000;

/* A round number at or above the highest value, for the top line. */
export function roundUp(value) {
	if (value <= 4) return 4;
	const power = 10 ** Math.floor(Math.log10(value));
	return [1, 2, 2.5, 5, 10].map((step) => step * power).find((step) => step >= value);
}

function draw(drawing, points, by) {
	const WIDTH = Math.max(200, drawing.clientWidth);
	drawing.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
	const top = roundUp(Math.max(0, ...points.map((point) => point.counted)));
	const x = (i) => (points.length < 2 ? WIDTH / 2 : (i * (WIDTH - RIGHT)) / (points.length - 1));
	const y = (value) => TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / top);
	const corners = points.map((point, i) => `${x(i).toFixed(1)} ${y(point.counted).toFixed(1)}`);
	const base = HEIGHT - BOTTOM;
	const label = by === "hour" ? hourTime : shortDay;
	const marks = points.length < 2 ? [0] : [0, Math.round((points.length - 1) / 2), points.length - 1];
	drawing.replaceChildren(
		...[0, top / 2, top].map((value) => s("line", { class: value === 0 ? "axis" : "grid", x1: 0, x2: WIDTH, y1: y(value), y2: y(value) })),
		s("path", { class: "area", d: `M${x(0)} ${base}L${corners.join("L")}L${x(points.length - 1)} ${base}z` }),
		s("path", { class: "line", d: `M${corners.join("L")}` }),
		s("circle", { class: "last", cx: x(points.length - 1), cy: y(points.at(-1)?.counted ?? 0), r: 4 }),
		s("text", { class: "tick", x: 0, y: TOP - 6 }, number(top)),
		...marks.map((i, at) => s("text", { class: "tick", x: x(i), y: HEIGHT - 6, "text-anchor": points.length < 2 ? "middle" : ["start", "middle", "end"][at] }, points[i] ? label(points[i].from) : "")));
}

export function History(campaign, unit, signal) {
	const drawing = s("svg", { class: "history", role: "img" });
	const said = h("p", { class: "muted history-said" });
	let by = unit ? "day" : "hour", version = -1, data = null, timer = null, askedAt = -Infinity;
	const KINDS = ["hour", "day"];
	const buttons = KINDS.map((one) => h("button", { type: "button", class: "segment", onclick: () => { by = one; load(); } }, t(`history.by_${one}`)));
	const element = h("section", { class: "panel history-panel", "aria-label": t("history.title") },
		h("div", { class: "total-head" }, h("h2", null, t("history.title")),
			unit ? null : h("div", { class: "segments small", role: "group", "aria-label": t("history.title") }, buttons)),
		drawing, said, unit ? h("p", { class: "muted history-said" }, t("history.days_only")) : null);

	function say() {
		const { points } = data;
		const sum = points.reduce((all, point) => all + point.counted, 0);
		const best = points.reduce((a, b) => (b.counted > a.counted ? b : a), points[0] ?? { counted: 0 });
		const text = sum === 0 ? t(`history.none_${data.by}`)
			: t(`history.said_${data.by}`, { sum: number(sum), best: number(best.counted), at: data.by === "hour" ? hourTime(best.from) : dayTime(best.from) });
		setText(said, text);
		drawing.setAttribute("aria-label", text);
	}
	async function load() {
		clearTimeout(timer);
		timer = null;
		askedAt = performance.now();
		buttons.forEach((button, i) => button.setAttribute("aria-pressed", String(KINDS[i] === by)));
		try {
			const found = await get(paths.history(campaign.code, { by, unit }), signal);
			if (found.by !== by) return; /* another choice was made meanwhile */
			const begin = Date.parse(found.from);
			data = { by, points: found.counted.map((counted, i) => ({ from: begin + i * 1000 * found.step_seconds, counted })) };
			draw(drawing, data.points, data.by);
			say();
		} catch { /* the line stays as it was; the next change of the board asks again */ }
	}
	const sizes = new ResizeObserver(() => { if (data) draw(drawing, data.points, data.by); });
	sizes.observe(drawing);
	signal.addEventListener("abort", () => { clearTimeout(timer); sizes.disconnect(); }, { once: true });
	return {
		element,
		/* The board has another version: asked again, but not more often than every few seconds. */
		moved(now) {
			if (now === version) return;
			version = now;
			timer ??= setTimeout(load, Math.max(0, askedAt + AGAIN_MS - performance.now()));
		},
	};
}
