/* The server's rules, said before anything is sent: of the shape (services/intake/shape_fields.c, person.c) and of the rule pack
 * (common/domain/rules.c). Each gives a code of the contract or null; the server stays the judge. */
import { characters, cleanText, trimText } from "./text.js";
import { has, t } from "./i18n.js";
import { isLegacy } from "./legacy.js";

export const clean = (text) => trimText(cleanText(String(text ?? "")).text);

function phone(text) {
	const digits = text.replace(/[ .\-\u00A0]/g, "").replace(/^\+/, "");
	const national = digits.startsWith("84") ? digits.slice(2) : !text.startsWith("+") && digits.startsWith("0") ? digits.slice(1) : "";
	return /^[35789]\d{8}$/.test(national) || /^2\d{9}$/.test(national);
}
const day = (text) => /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(Date.parse(text));
const link = (text) => /^https:\/\/[^/?#:@.][^\u0000- "<>\\^`{|}]*$/i.test(text);
const within = (window, text) => !window || (window.from <= text && text <= window.to);
const among = (list, code) => list.some((one) => one.code === code);

const OF_FIELD = {
	full_name: (text) => (characters(text) < 2 ? "too_short" : null),
	phone: (text) => (phone(text) ? null : "invalid"),
	national_id: (text) => (/^(\d{9}|\d{12})$/.test(text) ? null : "invalid"),
	evidence_url: (text) => (link(text) ? null : "invalid"),
	description: (text) => (isLegacy(text) ? "legacy_encoding" : null),
	category: (text, campaign) => (among(campaign.categories, text) ? null : "invalid"),
	kind: (text, campaign) => (among(campaign.kinds, text) ? null : "invalid"),
	applied_on: (text, campaign) => (within(campaign.applied_window, text) ? null : "outside_window"),
	recognized_on: (text, campaign) => (within(campaign.recognized_window, text) ? null : "outside_window"),
	accepted_on: (text, campaign, values) => (!campaign.research_kind || values.kind !== campaign.research_kind || within(campaign.applied_window, text) ? null : "outside_window"),
	authors: (text) => (Number(text) >= 1 && Number(text) <= 20 ? null : "invalid"),
};

function isRequired(field, campaign, values) {
	return field.required || (field.name === "accepted_on" && campaign.research_kind && values.kind === campaign.research_kind);
}

/* The code of what is wrong with one field; `values` are those of the whole form. */
export function check(field, campaign, values) {
	const given = values[field.name];
	if (field.name === "unit") return given ? (values.unit_accepts === false ? "unknown_unit" : null) : "required";
	if (field.name === "ip_protected") return given === true && campaign.refuse_ip_protected ? "ip_protected" : null;
	if (field.name === "lead_author") return given === false && Number(values.authors) > 1 && campaign.lead_author_only ? "not_lead_author" : null;
	if (field.type === "boolean") return null;
	const text = clean(given);
	if (text === "") {
		if (!isRequired(field, campaign, values)) return null;
		return field.name === "recognized_on" ? "not_recognised" : "required";
	}
	if (field.type === "integer" && !/^\d{1,15}$/.test(text)) return "invalid";
	if (field.type === "date" && !day(text)) return "invalid";
	if (field.type === "string" && field.max && characters(text) > field.max && field.name !== "national_id") return "too_long";
	return OF_FIELD[field.name]?.(text, campaign, values) ?? null;
}

/* What the server tells and does not refuse: said once, and sent by who sends it all the same. */
export const isOnlyTold = (code) => code === "legacy_encoding";

/* The words of a field stand before those of any field, as the server has them (common/domain/status.c). */
export function reasonText(code, field) {
	const own = `reason.${code}.${field}`;
	return has(own) ? t(own) : has(`reason.${code}`) ? t(`reason.${code}`) : code;
}

/* What is sent: clean texts, numbers as numbers, nothing that was left empty. */
export function bodyOf(fields, values) {
	const body = {};
	for (const { name, type } of fields) {
		const given = values[name];
		if (type === "boolean") {
			if (name === "lead_author" ? Number(values.authors) > 1 && given === false : given === true) body[name] = given;
		} else if (type === "integer") {
			const text = clean(given);
			if (text !== "") body[name] = Number(text);
		} else if (type !== "array") {
			const text = clean(given);
			if (text !== "") body[name] = text;
		}
	}
	return body;
}
