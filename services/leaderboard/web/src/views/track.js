/* Tracking by code: what was sent from here, or a code typed from paper; live until final. */
import { h, icon } from "../lib/dom.js";
import { campaignOf, get, paths } from "../lib/api.js";
import { fullTime, t } from "../lib/i18n.js";
import { readTrackingCode } from "../lib/tracking_code.js";
import { receiptsKept } from "../parts/receipts.js";
import { copyButton } from "../parts/receipt.js";
import { Status } from "../parts/status.js";

function asking(go, given, fault) {
	const error = h("p", { class: "error", id: "code-error" });
	const input = h("input", { id: "code", name: "code", class: "code-input", type: "text", autocomplete: "off", autocapitalize: "characters", spellcheck: "false",
		"aria-describedby": "code-hint code-error", value: given ?? "" });
	const say = (what) => {
		error.hidden = !what;
		error.dataset.code = what ?? "";
		error.replaceChildren(...(what ? [icon("warn"), t(`track.${what}`)] : []));
		input.setAttribute("aria-invalid", String(Boolean(what)));
	};
	/* The check character tells a typing error at once; while it is still short nothing is wrong yet. */
	input.addEventListener("input", () => {
		const { fault: found } = readTrackingCode(input.value);
		say(found === "incomplete" ? null : found);
	});
	say(fault);
	return h("form", { class: "panel track-form", novalidate: true, onsubmit: (event) => {
		event.preventDefault();
		const { code, fault: found } = readTrackingCode(input.value);
		if (code) go(`/tra-cuu/${code}`);
		else {
			say(found);
			input.focus();
		}
	} }, h("label", { for: "code" }, t("track.code")), h("p", { class: "hint", id: "code-hint" }, t("track.hint")), input, error,
	h("p", { class: "actions" }, h("button", { type: "submit", class: "button primary" }, icon("search"), t("track.find"))));
}

function sentFromHere() {
	const list = receiptsKept();
	if (list.length === 0) return null;
	return h("section", { class: "panel" }, h("h2", null, t("track.mine")), h("ul", { class: "mine" }, list.map((one) => h("li", null,
		h("a", { href: `/tra-cuu/${one.code}`, class: "code-small", translate: "no" }, one.code), h("span", { class: "muted" }, fullTime(one.at))))));
}

async function found(code, status, signal) {
	const [campaign, line] = await Promise.all([
		campaignOf(status.campaign, signal).catch(() => null),
		get(paths.units(status.campaign, { line: status.unit }), signal).then(({ units }) => units.slice(1), () => []),
	]);
	return h("section", { class: "panel tracked" },
		h("p", { class: "code-label" }, t("receipt.code")), h("p", { class: "code", translate: "no" }, status.tracking_code),
		h("p", { class: "actions" }, copyButton(status.tracking_code, t("receipt.copy"))),
		h("dl", { class: "facts" },
			h("div", null, h("dt", null, t("track.campaign")), h("dd", null, campaign ? h("a", { href: `/c/${encodeURIComponent(status.campaign)}` }, campaign.name) : status.campaign)),
			h("div", null, h("dt", null, t("field.unit")), h("dd", null, line.length > 0 ? line.map((unit) => unit.name).join(" › ") : status.unit)),
			h("div", null, h("dt", null, t("track.received")), h("dd", null, fullTime(status.received_at)))),
		Status(code, signal, null, status));
}

export async function show(root, { code: given, signal, setTitle, go }) {
	setTitle(t("nav.track"));
	const head = h("header", { class: "form-head" }, h("h1", null, t("track.title")), h("p", { class: "lead" }, t("track.lead")));
	const { code, fault } = given ? readTrackingCode(given) : {};
	if (!code) {
		root.replaceChildren(head, ...[asking(go, given, given ? fault : null), sentFromHere()].filter(Boolean));
		return;
	}
	let status;
	try {
		status = await get(paths.status(code), signal);
	} catch (error) {
		if (error.status !== 404) throw error;
		root.replaceChildren(head, asking(go, code, "unknown"));
		return;
	}
	root.replaceChildren(h("header", { class: "form-head" }, h("h1", null, t("track.found"))), await found(code, status, signal),
		h("p", { class: "actions" }, h("a", { class: "button", href: "/tra-cuu" }, icon("search"), t("track.other"))));
}
