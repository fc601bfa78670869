/* A choice among many by typing a part of a name, accents or not (ARIA Authoring Practices: combobox with a list). */
import { h, icon, uniqueId } from "../lib/dom.js";
import { fold } from "../lib/text.js";
import { t } from "../lib/i18n.js";

const SHOWN_MAX = 60;

/* options: [{value, text, detail}]; `more(typed)` gives further ones by a promise. `chosen(option | null)`. */
export function Combobox({ label, hint, options, more, chosen, text = "" }) {
	const id = uniqueId("combo"), list = h("ul", { id: `${id}-list`, role: "listbox", class: "options", hidden: true, "aria-label": label });
	const input = h("input", { id, type: "text", role: "combobox", autocomplete: "off", spellcheck: "false", "aria-expanded": "false",
		"aria-controls": `${id}-list`, "aria-autocomplete": "list", value: text });
	const count = h("span", { class: "visually-hidden", role: "status" });
	let shown = [], active = -1, picked = text, turn = 0;

	function mark(at) {
		active = at;
		[...list.children].forEach((item, i) => item.setAttribute("aria-selected", String(i === at)));
		const item = list.children[at];
		if (item) {
			input.setAttribute("aria-activedescendant", item.id);
			item.scrollIntoView({ block: "nearest" });
		} else input.removeAttribute("aria-activedescendant");
	}
	function close() {
		list.hidden = true;
		input.setAttribute("aria-expanded", "false");
		mark(-1);
	}
	function choose(option) {
		picked = option.text;
		input.value = option.text;
		close();
		chosen(option);
	}
	function draw(found) {
		shown = found.slice(0, SHOWN_MAX);
		list.replaceChildren(...shown.map((option, i) => h("li", { id: `${id}-${i}`, role: "option", "aria-selected": "false", class: "option",
			onpointerdown: (event) => event.preventDefault(), onclick: () => choose(option) },
		option.text, option.detail ? h("small", null, option.detail) : null)));
		list.hidden = shown.length === 0;
		input.setAttribute("aria-expanded", String(shown.length > 0));
		count.textContent = shown.length === 0 ? t("unit.none_found") : t("unit.found", { count: shown.length });
		mark(-1);
	}
	async function open(typed) {
		const wanted = fold(typed.trim()), mine = ++turn;
		const own = wanted === "" ? options : options.filter((option) => fold(option.text).includes(wanted));
		draw(own);
		if (!more || wanted.length < 2) return;
		const further = await more(typed.trim()).catch(() => []);
		if (mine !== turn || document.activeElement !== input) return;
		const known = new Set(own.map((option) => option.value));
		draw([...own, ...further.filter((option) => !known.has(option.value))]);
	}
	input.addEventListener("input", () => {
		if (picked !== "" && input.value !== picked) {
			picked = "";
			chosen(null);
		}
		open(input.value);
	});
	input.addEventListener("focus", () => { input.select(); open(picked === input.value ? "" : input.value); });
	input.addEventListener("click", () => { if (list.hidden) open(picked === input.value ? "" : input.value); });
	input.addEventListener("blur", () => {
		turn++;
		close();
		/* What was typed out in full is as good as chosen. */
		const wanted = fold(input.value.trim());
		const exact = picked === "" && wanted !== "" ? shown.filter((option) => fold(option.text) === wanted) : [];
		if (exact.length === 1) choose(exact[0]);
	});
	input.addEventListener("keydown", (event) => {
		const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
		if (step) {
			event.preventDefault();
			if (list.hidden) open(picked === input.value ? "" : input.value);
			if (shown.length > 0) mark((active + step + shown.length + (active < 0 && step < 0 ? 1 : 0)) % shown.length);
		} else if (event.key === "Enter" && !list.hidden) {
			event.preventDefault();
			const option = shown[active] ?? (shown.length === 1 ? shown[0] : null);
			if (option) choose(option);
		} else if (event.key === "Escape" && !list.hidden) {
			event.stopPropagation();
			close();
		}
	});
	return {
		element: h("div", { class: "combo" }, h("label", { for: id }, label), hint ? h("p", { class: "hint", id: `${id}-hint` }, hint) : null,
			h("div", { class: "combo-box" }, icon("search"), input, list), count),
		input,
	};
}
