/* The units in their places. It says in rows what the map shows in colours. */
import { h, icon, setText, wantsLessMotion } from "../lib/dom.js";
import { number, percent, t } from "../lib/i18n.js";
import { fold } from "../lib/text.js";
import { rowBar } from "./bar.js";
import { boardAddress } from "../views/board.js";

const MOVE_MS = 550, SHARED_BY = 4;

/* How much of each name's beginning several others share, up to a word that is no proper name: shown small, so that the eye finds
 * what differs. */
function sharedWords(names) {
	const starts = new Map();
	const words = names.map((name) => name.split(" "));
	for (const all of words)
		for (let n = 1; n < all.length; n++) {
			const start = all.slice(0, n).join(" ");
			starts.set(start, (starts.get(start) ?? 0) + 1);
		}
	return new Map(words.map((all) => {
		let n = all.length - 1;
		while (n > 0 && (starts.get(all.slice(0, n).join(" ")) < SHARED_BY || /^[^\p{Ll}]/u.test(all[n - 1]))) n--;
		return [all.join(" "), all.slice(0, n).join(" ").length];
	}));
}

/* The target counts people where that is what its percentage is of. */
function valueOf(row, metric) {
	if (metric === "percent") return row.percent ?? 0;
	return row[metric];
}

function Row(campaign, choice, row) {
	const rank = h("span", { class: "rank" }), value = h("span", { class: "value" }), share = h("span", { class: "share" }), bar = rowBar();
	const shared = h("small"), own = h("span");
	const name = h("a", { href: boardAddress(campaign.code, { ...choice, wall: false, unit: row.unit }) }, shared, own);
	const element = h("tr", { "data-unit": row.unit },
		h("td", { class: "cell-rank" }, rank),
		h("th", { scope: "row", class: "cell-name" }, name, bar.element),
		h("td", { class: "cell-value" }, value), h("td", { class: "cell-share" }, share));
	let shown = null;
	return {
		element, folded: fold(row.name),
		show(now, scale, sharedLength) {
			setText(shared, sharedLength > 0 ? now.name.slice(0, sharedLength + 1) : "");
			setText(own, now.name.slice(sharedLength > 0 ? sharedLength + 1 : 0));
			setText(rank, String(now.rank));
			rank.className = now.rank <= 3 && valueOf(now, choice.metric) > 0 ? `rank top top-${now.rank}` : "rank";
			setText(value, choice.metric === "percent" ? number(now.counted) : number(now[choice.metric]));
			setText(share, percent(now.percent));
			share.className = now.percent >= 100 ? "share beyond" : "share";
			const target = choice.metric === "percent" ? (now.target === null ? null : 100) : choice.metric === "counted" ? now.target : null;
			bar.set(valueOf(now, choice.metric), target, scale);
			const grew = shown !== null && valueOf(now, choice.metric) > shown;
			shown = valueOf(now, choice.metric);
			if (grew && !wantsLessMotion()) element.animate([{ backgroundColor: "var(--flash)" }, { backgroundColor: "transparent" }], { duration: 1400 });
		},
	};
}

/* First, last, invert, play: each row glides from where it stood; a new one stands at once. */
function moveRows(body, rows, reorder) {
	if (wantsLessMotion() || document.hidden) return reorder();
	const before = new Map(rows.filter((row) => row.element.isConnected).map((row) => [row, row.element.offsetTop]));
	reorder();
	for (const [row, top] of before) {
		const by = top - row.element.offsetTop;
		if (by !== 0)
			row.element.animate([{ transform: `translateY(${by}px)` }, { transform: "none" }], { duration: MOVE_MS, easing: "cubic-bezier(.2,.8,.2,1)" });
	}
}

export function Ranking(campaign, choice) {
	const body = h("tbody"), rows = new Map();
	const empty = h("p", { class: "empty", hidden: true });
	const filter = h("input", { type: "search", class: "filter", autocomplete: "off" });
	const listeners = [];
	const drawFilter = () => {
		const wanted = fold(filter.value.trim());
		let any = false;
		for (const row of rows.values()) {
			row.element.hidden = wanted !== "" && !row.folded.includes(wanted);
			any ||= !row.element.hidden;
		}
		empty.hidden = any;
		setText(empty, rows.size === 0 ? t("board.no_units") : t("board.none_found"));
	};
	filter.addEventListener("input", drawFilter);
	body.addEventListener("pointerover", (event) => listeners.forEach((listen) => listen(event.target.closest("tr")?.dataset.unit ?? null)));
	body.addEventListener("pointerleave", () => listeners.forEach((listen) => listen(null)));
	const table = h("table", { class: "ranking" },
		h("caption", { class: "visually-hidden" }, t("board.caption")),
		h("thead", null, h("tr", null,
			h("th", { scope: "col", class: "cell-rank" }, h("span", { "aria-hidden": "true" }, "#"), h("span", { class: "visually-hidden" }, t("board.rank"))),
			h("th", { scope: "col" }, t("board.unit")),
			h("th", { scope: "col", class: "cell-value" }, t(`metric.${choice.metric === "people" ? "people" : "counted"}`)),
			h("th", { scope: "col", class: "cell-share" }, t("board.of_target")))), body);
	return {
		element: h("section", { class: "panel ranking-panel", "aria-label": t("board.ranking") },
			h("div", { class: "ranking-head" }, h("h2", null, t("board.ranking")), h("label", { class: "filter-label" }, h("span", { class: "muted" }, icon("search"), t("board.filter")), filter)),
			table, empty),
		onHover: (listen) => listeners.push(listen),
		highlight(unit) {
			for (const [code, row] of rows) row.element.classList.toggle("lit", code === unit);
		},
		show(board) {
			const scale = Math.max(choice.metric === "percent" ? 100 : 1, ...board.rows.map((row) => valueOf(row, choice.metric)));
			const shared = sharedWords(board.rows.map((row) => row.name));
			const names = new Set(board.rows.map((row) => row.unit));
			for (const [code, row] of rows)
				if (!names.has(code)) {
					row.element.remove();
					rows.delete(code);
				}
			for (const now of board.rows)
				if (!rows.has(now.unit)) rows.set(now.unit, Row(campaign, choice, now));
			const ordered = board.rows.map((now) => rows.get(now.unit));
			for (const now of board.rows) rows.get(now.unit).show(now, scale, shared.get(now.name) ?? 0);
			if (ordered.some((row, i) => body.children[i] !== row.element)) moveRows(body, ordered, () => body.replaceChildren(...ordered.map((row) => row.element)));
			drawFilter();
		},
	};
}
