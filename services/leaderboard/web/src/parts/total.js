/* The big figure, what it is of, and whether it is of this moment. */
import { h, icon, setText, wantsLessMotion } from "../lib/dom.js";
import { clockTime, number, percent, t } from "../lib/i18n.js";
import { rowBar } from "./bar.js";

const RUN_MS = 900;

/* Runs to its new value, where the reader does not mind. */
function Figure() {
	const element = h("strong", { class: "total-figure" }, "–");
	let shown = null, frame = 0;
	const set = (value) => { shown = value; setText(element, number(Math.round(value))); };
	return {
		element,
		show(value) {
			cancelAnimationFrame(frame);
			if (shown === null || wantsLessMotion() || document.hidden) return set(value);
			const from = shown, began = performance.now();
			const step = (now) => {
				const part = Math.min(1, (now - began) / RUN_MS);
				set(from + (value - from) * (1 - (1 - part) ** 3));
				if (part < 1) frame = requestAnimationFrame(step);
				else set(value);
			};
			frame = requestAnimationFrame(step);
		},
	};
}

function small(name, iconName) {
	const value = h("dd");
	return { element: h("div", { class: "total-small" }, h("dt", null, icon(iconName), t(`total.${name}`)), value), set: (text) => setText(value, text) };
}

export function Total() {
	const figure = Figure(), bar = rowBar();
	const ofTarget = h("p", { class: "total-target" });
	const mark = h("p", { class: "mark", role: "status" });
	const asOf = h("time");
	const entered = small("entered", "pen"), people = small("people", "people"), share = small("percent", "check");
	bar.element.classList.add("bar-large");
	let link = "waiting", current = true, known = "";
	const drawMark = () => {
		const state = !current ? "old" : link === "live" ? "live" : "cut";
		if (state === known) return;
		known = state;
		mark.className = `mark ${state}`;
		mark.replaceChildren(h("span", { class: "chip-dot" }), t(`mark.${state}`));
	};
	return {
		element: h("section", { class: "panel total", "aria-label": t("total.label") },
			h("div", { class: "total-head" }, h("h2", null, t("total.counted")), mark),
			h("p", { class: "total-line" }, figure.element), bar.element, ofTarget,
			h("dl", { class: "total-smalls" }, entered.element, people.element, share.element),
			h("p", { class: "muted as-of" }, t("total.as_of"), " ", asOf)),
		show(board) {
			const { total } = board;
			figure.show(total.counted);
			const target = total.target;
			bar.element.hidden = target === null;
			const ofPeople = target !== null && total.percent !== null && Math.abs(100 * total.counted / target - total.percent) > 0.06;
			if (target !== null) bar.set(ofPeople ? total.people : total.counted, target, Math.max(target, ofPeople ? total.people : total.counted));
			setText(ofTarget, target === null ? t("total.no_target") : t(ofPeople ? "total.of_people_target" : "total.of_target", { percent: percent(total.percent), target: number(target) }));
			entered.set(number(total.entered));
			people.set(number(total.people));
			share.set(percent(total.percent));
			setText(asOf, clockTime(board.as_of));
			asOf.dateTime = board.as_of;
			current = board.current;
			drawMark();
		},
		setLink(state) {
			link = state;
			drawMark();
		},
	};
}
