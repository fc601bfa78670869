/* A bar that does not end at the target: what is beyond it goes on in another colour. */
import { h } from "../lib/dom.js";
import { percent, t } from "../lib/i18n.js";

function place(bar, value, target, scale) {
	const share = (part) => `${Math.max(0, Math.min(100, scale > 0 ? (100 * part) / scale : 0))}%`;
	const beyond = target !== null && target > 0 && value > target;
	bar.style.setProperty("--within", share(beyond ? target : value));
	bar.style.setProperty("--all", share(value));
	bar.classList.toggle("beyond", beyond);
	bar.style.setProperty("--target", share(target ?? 0));
	bar.classList.toggle("with-target", target !== null && target > 0 && target < scale);
}

/* For the eye alone: the figure stands beside it as text. */
export function rowBar() {
	const bar = h("div", { class: "bar", "aria-hidden": "true" }, h("i", { class: "bar-all" }), h("i", { class: "bar-within" }), h("i", { class: "bar-target" }));
	return { element: bar, set: (value, target, scale) => place(bar, value, target, scale) };
}

/* With words for who does not see it. `scale`: what its whole width stands for. */
export function shareBar(value, target, scale = Math.max(value, target)) {
	const bar = rowBar();
	bar.set(value, target, Math.max(scale, value));
	bar.element.classList.add("bar-large");
	bar.element.removeAttribute("aria-hidden");
	bar.element.setAttribute("role", "img");
	bar.element.setAttribute("aria-label", t("bar.label", { percent: percent((100 * value) / target) }));
	return bar.element;
}
