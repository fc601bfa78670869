/* Open, not yet, or no more: by the server's clock, never the device's. */
import { h, icon, setText } from "../lib/dom.js";
import { everySecond, serverNow } from "../lib/clock.js";
import { duration, minuteTime, t } from "../lib/i18n.js";

export function openState({ opens_at, closes_at }) {
	const now = serverNow();
	if (now < Date.parse(opens_at)) return "soon";
	return now < Date.parse(closes_at) ? "open" : "closed";
}

const COUNTED_DOWN_MS = 30 * 86400000;

/* One line that counts down to the next change, and calls `changed` at it. */
export function openingLine(campaign, signal, changed) {
	const first = openState(campaign);
	const text = h("span");
	const line = h("p", { class: `chip ${first}`, role: "timer" }, h("span", { class: "chip-dot" }), text);
	everySecond(signal, () => {
		const state = openState(campaign);
		const at = Date.parse(state === "soon" ? campaign.opens_at : campaign.closes_at), left = at - serverNow();
		line.className = `chip ${state}`;
		if (state === "closed") setText(text, t("opening.closed"));
		else if (left > COUNTED_DOWN_MS) setText(text, t(`opening.${state}_until`, { at: minuteTime(at) }));
		else setText(text, t(`opening.${state}_left`, { left: duration(left) }));
		if (state !== first) changed?.(state);
	});
	return line;
}

/* Instead of the form while it is not open; `state` where the server has said it. */
export function closedPage(campaign, signal, opened, state = openState(campaign)) {
	const code = encodeURIComponent(campaign.code);
	const left = h("p", { class: "countdown", role: "timer" });
	if (state === "soon")
		everySecond(signal, () => {
			setText(left, duration(Date.parse(campaign.opens_at) - serverNow()));
			if (openState(campaign) !== "soon") opened();
		});
	return h("section", { class: "notice-page", "data-state": state },
		icon("clock", "notice-icon"),
		h("h1", null, t(`closed.${state}_title`)),
		h("p", { class: "lead" }, campaign.name),
		state === "soon" ? left : null,
		h("p", null, t(`closed.${state}`, { at: minuteTime(state === "soon" ? campaign.opens_at : campaign.closes_at) })),
		h("p", { class: "muted" }, t("closed.server_clock")),
		h("p", { class: "actions" },
			h("a", { class: "button primary", href: `/c/${code}` }, icon("board"), t("nav.board")),
			h("a", { class: "button", href: "/tra-cuu" }, icon("search"), t("nav.track"))));
}
