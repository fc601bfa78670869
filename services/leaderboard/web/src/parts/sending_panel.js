/* While it is being sent: what is happening, when it is tried again, and that nothing is lost. */
import { h, icon, setText } from "../lib/dom.js";
import { t } from "../lib/i18n.js";

function wordsOf({ status }) {
	if (status === 0) return navigator.onLine ? "sending.cut" : "sending.offline";
	if (status === 429) return "sending.limited";
	if (status === 504) return "sending.unknown";
	return "sending.busy";
}

export function SendingPanel(leave) {
	const title = h("h1"), words = h("p", { class: "lead" }), next = h("p", { class: "countdown small", "aria-live": "off" });
	const now = h("button", { type: "button", class: "button primary" }, t("sending.now"));
	const buttons = h("p", { class: "actions" }, now, h("button", { type: "button", class: "button", onclick: leave }, t("sending.leave")));
	const element = h("section", { class: "notice-page sending", role: "status", tabindex: "-1" }, icon("clock", "notice-icon"), title, words, next, h("p", { class: "muted" }, t("sending.safe")), buttons);
	return {
		element,
		tell(state) {
			element.dataset.kind = state.kind;
			element.dataset.status = state.problem?.status ?? "";
			setText(title, t(state.kind === "sending" ? "sending.title" : "sending.waiting_title"));
			setText(words, state.kind === "sending" ? t("sending.wait") : t(wordsOf(state.problem)));
			setText(next, state.kind === "waiting" ? t("sending.again_in", { seconds: state.seconds }) : "");
			buttons.hidden = state.kind === "sending";
			now.onclick = state.now ?? null;
		},
	};
}
