/* The provinces, coloured by the metric; Hoàng Sa and Trường Sa with them. For the eye: the ranked table beside it says the same. */
import { h, s, setText } from "../lib/dom.js";
import { number, percent, t } from "../lib/i18n.js";

const CLASSES = 5;

/* Upper bounds of classes with about as many provinces each; equal values share one. */
function boundsOf(values) {
	const sorted = values.filter((value) => value > 0).sort((a, b) => a - b);
	const bounds = [];
	for (let i = 1; i <= CLASSES && sorted.length > 0; i++) {
		const bound = sorted[Math.ceil((i * sorted.length) / CLASSES) - 1];
		if (bound !== bounds.at(-1)) bounds.push(bound);
	}
	return bounds;
}

const words = (metric, value) => (metric === "percent" ? percent(value) : number(value));

export function ProvinceMap() {
	const drawing = s("svg", { class: "map", role: "img", "aria-label": t("map.label") });
	const tip = h("p", { class: "map-tip", "aria-hidden": "true" });
	const legend = h("ul", { class: "legend", "aria-hidden": "true" });
	const shapes = [];
	let board = null, metric = "counted", open = null, ranking = null;
	const rowOf = (shape) => shape.codes.map((code) => board?.rows.find((row) => row.unit === code)).find(Boolean);

	const point = (shape) => {
		const row = shape && rowOf(shape);
		for (const one of shapes) one.element.classList.toggle("lit", Boolean(row) && rowOf(one) === row);
		ranking?.highlight(row?.unit ?? null);
		setText(tip, !row ? t("map.hint") : `${shape.island ? shape.name : row.name}: ${words(metric, metric === "percent" ? row.percent : row[metric])} · ${t("map.place", { rank: row.rank })}`);
	};
	const load = import("page:map").then(({ default: map }) => {
		drawing.setAttribute("viewBox", map.viewBox);
		for (const shape of map.shapes) {
			shape.element = s("path", { d: shape.path, class: shape.island ? "shape island" : "shape" });
			shape.element.addEventListener("pointerenter", () => point(shape));
			shape.element.addEventListener("click", () => { const row = rowOf(shape); if (row) open?.(row.unit); });
			shapes.push(shape);
		}
		drawing.append(...shapes.map((shape) => shape.element),
			s("text", { class: "map-sea", x: 585, y: 352 }, "Quần đảo Hoàng Sa"), s("text", { class: "map-sea", x: 640, y: 838 }, "Quần đảo Trường Sa"));
		drawing.addEventListener("pointerleave", () => point(null));
		point(null);
		draw();
	});
	function draw() {
		if (!board || shapes.length === 0) return;
		const values = new Map(shapes.map((shape) => [shape, rowOf(shape)]));
		const valueOf = (row) => (metric === "percent" ? row?.percent : row?.[metric]) ?? 0;
		const bounds = boundsOf([...new Set([...values.values()].filter(Boolean))].map(valueOf));
		for (const [shape, row] of values) {
			const at = row && valueOf(row) > 0 ? bounds.findIndex((bound) => valueOf(row) <= bound) : -1;
			shape.element.dataset.class = at < 0 ? "0" : String(Math.max(1, Math.round(((at + 1) * CLASSES) / bounds.length)));
		}
		legend.replaceChildren(...bounds.map((bound, i) => h("li", null,
			h("i", { class: "legend-key", "data-class": String(Math.max(1, Math.round(((i + 1) * CLASSES) / bounds.length))) }),
			t("map.up_to", { value: words(metric, bound) }))));
	}
	return {
		element: h("section", { class: "panel map-panel", "aria-label": t("map.title") }, drawing, tip, legend),
		loaded: load,
		pair(table, choose) {
			ranking = table;
			open = choose;
			table.onHover((code) => point(code ? shapes.find((shape) => rowOf(shape)?.unit === code) ?? null : null));
		},
		show(now, of) {
			board = now;
			metric = of;
			draw();
		},
	};
}
