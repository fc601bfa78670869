/* One field of the form: label, control, what is wrong beside it. The rule pack says which there are. */
import { h, icon, setText, uniqueId } from "../lib/dom.js";
import { dayTime, has, number, t } from "../lib/i18n.js";
import { characters, cleanText, trimText } from "../lib/text.js";
import { reasonText } from "../lib/checks.js";

const LONG = new Set(["description", "benefit_social"]);
const AUTOCOMPLETE = { full_name: "name", phone: "tel", national_id: "off" };
const KEYBOARD = { phone: "tel", national_id: "numeric", benefit_vnd: "numeric", authors: "numeric", evidence_url: "url" };
const LISTS = { block: "blocks", category: "categories", kind: "kinds" };

function hintOf(field, campaign) {
	const window = { applied_on: campaign.applied_window, recognized_on: campaign.recognized_window, accepted_on: campaign.applied_window }[field.name];
	if (window) return t("form.window", { from: dayTime(`${window.from}T00:00:00+07:00`), to: dayTime(`${window.to}T00:00:00+07:00`) });
	return has(`hint.${field.name}`) ? t(`hint.${field.name}`) : null;
}

function control(field, campaign, id, value, changed) {
	const common = { id, name: field.name, "aria-required": field.required ? "true" : null };
	const list = LISTS[field.name] && campaign[LISTS[field.name]];
	if (list && field.name !== "block") {
		const select = h("select", { ...common, onchange: (event) => changed(event.target.value) },
			h("option", { value: "" }, t("form.choose")), list.map((one) => h("option", { value: one.code }, one.name)));
		select.value = value ?? "";
		return select;
	}
	if (field.type === "date") return h("input", { ...common, type: "date", value: value ?? "", oninput: (event) => changed(event.target.value) });
	if (LONG.has(field.name)) return h("textarea", { ...common, rows: field.name === "description" ? 9 : 3, value: value ?? "", oninput: (event) => changed(event.target.value) });
	return h("input", { ...common, type: "text", value: value ?? "", autocomplete: AUTOCOMPLETE[field.name] ?? "off", inputmode: KEYBOARD[field.name] ?? "text",
		oninput: (event) => changed(field.type === "integer" ? event.target.value.replace(/[\s.,]/g, "") : event.target.value) });
}

/* A few choices that are all to be seen. */
function Choices(field, campaign, value, changed) {
	const list = campaign.blocks.length > 0 ? campaign.blocks : ["enterprise", "public"].map((code) => ({ code, name: t(`block.${code}`) }));
	return h("div", { class: "choices" }, list.map((one) => h("label", { class: "choice" },
		h("input", { type: "radio", name: field.name, value: one.code, checked: value === one.code, onchange: () => changed(one.code) }), h("span", null, one.name))));
}

/* "n/2000 ký tự", as the server counts. */
function Counter(max) {
	const element = h("p", { class: "counter" });
	return { element, show(text) {
		const used = characters(trimText(cleanText(text).text));
		element.classList.toggle("over", used > max);
		setText(element, used > max ? t("form.over", { used: number(used), max: number(max), by: number(used - max) }) : t("form.counter", { used: number(used), max: number(max) }));
	} };
}

/* `left()`: the person has left it. */
export function Field(field, campaign, value, { changed, left }) {
	const id = uniqueId(field.name), label = has(`field.${field.name}`) ? t(`field.${field.name}`) : field.name;
	const hint = hintOf(field, campaign);
	const error = h("p", { class: "error", id: `${id}-error`, hidden: true });
	const note = h("p", { class: "note", role: "status" });
	const isBoolean = field.type === "boolean", isBlock = field.name === "block";
	const counter = field.name === "description" && field.max ? Counter(field.max) : null;
	const tell = (now) => { counter?.show(String(now ?? "")); changed(now); };
	const input = isBoolean ? h("input", { id, type: "checkbox", name: field.name, checked: value ?? false, onchange: (event) => changed(event.target.checked) })
		: isBlock ? Choices(field, campaign, value, changed) : control(field, campaign, id, value, tell);
	const targets = isBlock ? [...input.querySelectorAll("input")] : [input];
	const named = [hint ? `${id}-hint` : null, `${id}-error`].filter(Boolean).join(" ");
	for (const target of targets) target.setAttribute("aria-describedby", named);
	const optional = field.required || isBoolean ? null : h("span", { class: "optional" }, t("form.optional"));
	const hints = hint ? h("p", { class: "hint", id: `${id}-hint` }, hint) : null;
	const element = isBoolean ? h("div", { class: "field check-field", "data-field": field.name }, h("label", { class: "choice" }, input, h("span", null, label)), hints, error)
		: isBlock ? h("fieldset", { class: "field", "data-field": field.name }, h("legend", null, label, optional), hints, input, error)
			: h("div", { class: "field", "data-field": field.name }, h("label", { for: id }, label, optional), hints, input, counter?.element, note, error);
	/* What Word or a web page brought along is made plain in front of the person's eyes, and said. */
	function tidy() {
		if (typeof input.value !== "string" || field.type !== "string") return;
		const { text, changed: what } = cleanText(input.value);
		if (text === input.value) return;
		input.value = text;
		tell(text);
		if (what.size > 0) setText(note, t("form.cleaned", { what: [...what].map((one) => t(`cleaned.${one}`)).join(", ") }));
	}
	if (!isBoolean && !isBlock) {
		input.addEventListener("paste", () => setTimeout(tidy));
		input.addEventListener("blur", tidy);
	}
	element.addEventListener("focusout", (event) => { if (!element.contains(event.relatedTarget)) left(); });
	counter?.show(value ?? "");
	return {
		element, label, id: isBlock ? null : id,
		focus: () => targets[0].focus(),
		setRequired(required) {
			if (optional) optional.hidden = required;
		},
		setError(code, message) {
			const text = code ? message ?? reasonText(code, field.name) : "";
			error.hidden = !code;
			error.replaceChildren(...(code ? [icon("warn"), text] : []));
			error.dataset.code = code ?? "";
			element.classList.toggle("wrong", Boolean(code));
			for (const target of targets) target.setAttribute("aria-invalid", String(Boolean(code)));
		},
	};
}
