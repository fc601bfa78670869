/* The form of the campaign: its fields come from the rule pack, its draft stays on this device, and however often it is sent it is
 * one submission. */
import { h, icon } from "../lib/dom.js";
import { campaignOf } from "../lib/api.js";
import { forget, keepObject, keptObject } from "../lib/storage.js";
import { makePending, pendingOf, send } from "../lib/sending.js";
import { bodyOf, check, isOnlyTold, reasonText } from "../lib/checks.js";
import { t } from "../lib/i18n.js";
import { closedPage, openState, openingLine } from "../parts/opening.js";
import { Field } from "../parts/field.js";
import { UnitPicker } from "../parts/unit_picker.js";
import { Receipt } from "../parts/receipt.js";
import { SendingPanel } from "../parts/sending_panel.js";
import { Similar } from "../parts/similar.js";
import { rememberReceipt } from "../parts/receipts.js";

const SECTIONS = [
	["who", ["full_name", "phone", "national_id", "unit", "block", "category"]],
	["what", ["title", "kind", "description", "applied_on", "recognized_on", "recognized_by", "accepted_on"]],
	["effect", ["benefit_vnd", "benefit_social", "evidence_url"]],
	["authors", ["authors", "lead_author", "ip_protected"]],
];
const SAVE_AFTER_MS = 300;
const draftPlace = (code) => `draft:${code}`;

/* Fields in their sections; what no section knows stands in the last, and what cannot be given here is left out. */
function sectionsOf(campaign) {
	const fields = campaign.fields.filter((field) => field.type !== "array");
	const known = new Set(SECTIONS.flatMap(([, names]) => names));
	return SECTIONS.map(([name, names], i) => [name, [...names.map((one) => fields.find((field) => field.name === one)).filter(Boolean),
		...(i === SECTIONS.length - 1 ? fields.filter((field) => !known.has(field.name)) : [])]]).filter(([, some]) => some.length > 0);
}

function summary(wrong, parts, more) {
	return h("div", { class: "summary", role: "alert", tabindex: "-1" }, h("h2", null, icon("warn"), t("form.wrong", { count: wrong.length })),
		h("ul", null, wrong.map(([name, text]) => h("li", null, h("button", { type: "button", class: "link", onclick: () => parts.get(name)?.focus() },
			parts.has(name) ? h("strong", null, parts.get(name).label, ": ") : null, text)))), more ? h("p", null, more) : null);
}

/* values: {field: raw value}. `problems`: [{field, code, message}] of a verdict to mend. */
function Form(campaign, values, problems, { submitted, signal }) {
	values.lead_author ??= true;
	const parts = new Map(), top = h("div", { class: "summary-place" });
	const fields = campaign.fields.filter((field) => field.type !== "array");
	let timer = null, touched = new Set(), toldOf = null;
	const save = () => {
		clearTimeout(timer);
		timer = null;
		keepObject(draftPlace(campaign.code), values);
	};
	const later = () => { timer ??= setTimeout(save, SAVE_AFTER_MS); };
	signal.addEventListener("abort", () => { if (timer) save(); });
	addEventListener("pagehide", () => { if (timer) save(); }, { signal });
	const judge = (field) => {
		const code = check(field, campaign, values);
		parts.get(field.name)?.setError(code);
		return code;
	};
	const conditions = () => {
		parts.get("lead_author")?.show(Number(values.authors) > 1);
		const research = Boolean(campaign.research_kind) && values.kind === campaign.research_kind;
		const accepted = fields.find((field) => field.name === "accepted_on");
		if (accepted && campaign.research_kind && !accepted.required) parts.get("accepted_on").show(research);
		parts.get("accepted_on")?.setRequired?.(research || accepted.required);
	};
	const similar = Similar(campaign, signal);
	function make(field) {
		const change = (value) => {
			values[field.name] = value;
			if (touched.has(field.name)) judge(field);
			conditions();
			if (field.name === "description" || field.name === "unit") similar.written(values);
			later();
		};
		const left = () => {
			if (values[field.name] === undefined || values[field.name] === "") return; /* nobody is scolded for what they have not come to */
			touched.add(field.name);
			judge(field);
		};
		if (field.name === "unit") return unitPart(field, change);
		const part = Field(field, campaign, values[field.name], { changed: change, left });
		parts.set(field.name, { ...part, show: (shown) => { part.element.hidden = !shown; } });
		return field.name === "description" ? [part.element, similar.element] : part.element;
	}
	function unitPart(field, change) {
		const error = h("p", { class: "error", hidden: true });
		const picker = UnitPicker(campaign.code, values.unit, (unit) => {
			values.unit_accepts = unit ? unit.accepts_submissions : undefined;
			change(unit?.code ?? "");
			if (unit?.accepts_submissions) setError(null);
		}, signal);
		const element = h("fieldset", { class: "field unit-field", "data-field": "unit" }, h("legend", null, t("field.unit")), picker.element, error);
		function setError(code, message) {
			error.hidden = !code;
			error.dataset.code = code ?? "";
			error.replaceChildren(...(code ? [icon("warn"), message ?? (code === "unknown_unit" && values.unit ? t("unit.go_on") : reasonText(code, field.name))] : []));
			element.classList.toggle("wrong", Boolean(code));
			for (const input of picker.inputs()) input.setAttribute("aria-invalid", String(Boolean(code)));
		}
		parts.set("unit", { element, label: t("field.unit"), setError, focus: () => picker.inputs().at(-1)?.focus() });
		return element;
	}
	function showProblems(list, more) {
		const wrong = list.map(({ field, code, message }) => [field, message ?? reasonText(code, field)]);
		for (const { field, code, message } of list) {
			touched.add(field);
			parts.get(field)?.setError(code, message);
		}
		top.replaceChildren(summary(wrong, parts, more));
		top.firstChild.focus();
		top.scrollIntoView({ block: "center" });
	}
	const form = h("form", { class: "form", novalidate: true, onsubmit: (event) => {
		event.preventDefault();
		top.replaceChildren();
		const wrong = fields.map((field) => ({ field: field.name, code: judge(field) })).filter(({ code }) => code);
		const only = wrong.every(({ code }) => isOnlyTold(code));
		if (wrong.length > 0 && !(only && toldOf === values.description)) {
			toldOf = only ? values.description : null;
			return showProblems(wrong, only ? t("form.send_all_the_same") : null);
		}
		save();
		submitted(JSON.stringify(bodyOf(fields, values)));
	} }, top, sectionsOf(campaign).map(([name, some]) => h("section", { class: "panel form-section" }, h("h2", null, t(`form.${name}`)), some.map(make))),
	h("div", { class: "form-end" }, h("button", { type: "submit", class: "button primary large" }, icon("pen"), t("form.send")),
		h("p", { class: "muted" }, t("form.kept"), " ", h("button", { type: "button", class: "link", onclick: () => { forget(draftPlace(campaign.code)); location.reload(); } }, t("form.forget")))));
	conditions();
	return { element: form, showProblems, start: () => { if (problems.length > 0) showProblems(problems); } };
}

export async function show(root, context) {
	const { signal, setTitle, query, go } = context;
	const campaign = await campaignOf(context.campaign, signal, true);
	const code = campaign.code, head = h("header", { class: "form-head" });
	const place = h("div", { class: "form-place" });
	let busy = false;
	setTitle(t("nav.submit"));
	root.replaceChildren(head, place);

	const drawHead = (withForm) => head.replaceChildren(...(withForm ? [h("h1", null, t("form.title")), h("p", { class: "lead" }, campaign.name), openingLine(campaign, signal, (state) => { if (state === "closed" && !busy) closed(); })] : []));
	function closed(now = campaign, state = openState(now)) {
		drawHead(false);
		place.replaceChildren(closedPage(now, signal, () => go(location.href, { replace: true }), state));
	}
	/* The server's word stands, whatever was known here of its hours; they may have been changed. */
	async function refused({ code: word }) {
		const now = await campaignOf(code, signal, true).catch(() => campaign);
		if (!signal.aborted) closed(now, word === "campaign_not_open" ? "soon" : "closed");
	}
	function write(problems = []) {
		const values = keptObject(draftPlace(code)) ?? {};
		const asked = query.get("unit");
		if (asked) values.unit = asked;
		drawHead(true);
		const form = Form(campaign, values, problems, { submitted: (body) => dispatch(makePending(code, body)), signal });
		place.replaceChildren(form.element);
		form.start();
	}
	/* A second tap while it is being sent changes nothing. */
	async function dispatch(pending) {
		if (busy) return;
		busy = true;
		const leave = new AbortController();
		signal.addEventListener("abort", () => leave.abort(), { once: true });
		const panel = SendingPanel(() => leave.abort());
		drawHead(false);
		place.replaceChildren(panel.element);
		panel.element.focus();
		try {
			const done = await send(code, pending, panel.tell, leave.signal);
			received(done);
		} catch (problem) {
			if (signal.aborted) return;
			if (problem.status === 403) await refused(problem);
			else if (problem.status === 422 && problem.errors.length > 0) write(problem.errors);
			else write(leave.signal.aborted ? [] : [{ field: "", code: problem.code, message: problem.detail || problem.message || t("problem.failed") }]);
		} finally {
			busy = false;
		}
	}
	function received({ receipt, body, earlier }) {
		rememberReceipt(receipt, code);
		drawHead(false);
		place.replaceChildren(Receipt(receipt, {
			earlier,
			mend: ({ reasons }) => write(reasons.map(({ code: word, field, message }) => ({ field: field ?? "", code: word, message }))),
			another: () => { startAnew(JSON.parse(body)); write(); },
			final: ({ status }) => { if (status === "counted") startAnew(JSON.parse(body)); },
		}, signal));
		place.querySelector("h1").focus();
	}
	/* The draft has become a submission: what is kept for a next one is no personal data. */
	function startAnew({ unit, block }) {
		keepObject(draftPlace(code), { unit, block });
	}

	const waiting = pendingOf(code);
	if (waiting) dispatch(waiting);
	else if (openState(campaign) !== "open") closed();
	else write();
}
