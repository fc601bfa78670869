/* What became of a submission, live until it is final. No personal data is in it. */
import { h, setText } from "../lib/dom.js";
import { get, paths } from "../lib/api.js";
import { follow } from "../lib/live.js";
import { fullTime, has, number, t } from "../lib/i18n.js";

const FINAL = new Set(["counted", "rejected", "duplicate", "revoked"]);

function reason(one) {
	const label = one.field && has(`field.${one.field}`) ? h("strong", null, t(`field.${one.field}`), ": ") : null;
	return h("li", { "data-code": one.code }, label, one.message);
}

function draw(place, status) {
	place.replaceChildren(
		h("p", { class: `chip status-chip ${status.status}`, "data-status": status.status }, h("span", { class: "chip-dot" }), t(`status.${status.status}`)),
		h("p", null, t(`status.${status.status}_means`)),
		...(status.reasons.length > 0 ? [h("ul", { class: status.status === "counted" ? "reasons mild" : "reasons" }, status.reasons.map(reason))] : []),
		...(status.similar.length > 0 ? [h("p", { class: "muted" }, t("status.similar", { percent: number(100 * status.similar[0].score) }))] : []),
		h("ol", { class: "timeline" }, status.history.map((step) => h("li", null, h("span", null, t(`status.${step.status}`)), h("time", { datetime: step.at, class: "muted" }, fullTime(step.at))))));
}

/* An element that shows `first` (or asks for it) and then every change; `changed(status)` at each. */
export function Status(code, signal, changed, first = null) {
	const body = h("div", { class: "status-body" }, h("p", { class: "chip status-chip received", "data-status": "received" }, h("span", { class: "chip-dot" }), t("status.received")), h("p", null, t("status.received_means")));
	const link = h("p", { class: "muted", role: "status" });
	const element = h("div", { class: "status", "aria-live": "polite" }, body, link);
	const take = (status) => {
		draw(body, status);
		setText(link, "");
		changed?.(status);
		return FINAL.has(status.status) ? "end" : null;
	};
	const watch = () => follow(paths.statusEvents(code), {
		events: { status: take },
		state: (state) => setText(link, state === "live" ? "" : t("mark.cut")),
	}, signal);
	if (first) {
		if (take(first) !== "end") watch();
	} else {
		get(paths.status(code), signal).then((status) => { if (take(status) !== "end") watch(); }, () => { if (!signal.aborted) watch(); });
	}
	return element;
}

