/* What the submitter takes along: the tracking code, the verdict as it comes, and a QR of its page. */
import { h, icon, setText } from "../lib/dom.js";
import { fullTime, t } from "../lib/i18n.js";
import { qrCode } from "./qr.js";
import { Status } from "./status.js";

export function copyButton(text, label) {
	const words = h("span", null, label);
	return h("button", { type: "button", class: "button", onclick: async () => {
		try {
			await navigator.clipboard.writeText(text);
			setText(words, t("receipt.copied"));
		} catch {
			setText(words, t("receipt.copy_failed"));
		}
	} }, icon("copy"), words);
}

/* `mend(status)`: back to the form with the reasons; `another()`: a new one. */
export function Receipt(receipt, { mend, another, earlier, final }, signal) {
	const address = `${location.origin}/tra-cuu/${receipt.tracking_code}`;
	const again = h("p", { class: "actions", hidden: true }, h("button", { type: "button", class: "button primary" }, icon("pen"), t("receipt.mend")));
	const status = Status(receipt.tracking_code, signal, (now) => {
		again.hidden = !["rejected", "duplicate"].includes(now.status);
		again.firstChild.onclick = () => mend(now);
		final(now);
	});
	return h("section", { class: "receipt" },
		h("div", { class: "panel receipt-panel" },
			icon("check", "notice-icon good"),
			h("h1", { tabindex: "-1" }, t("receipt.title")),
			h("p", { class: "lead" }, t(earlier ? "receipt.earlier" : "receipt.lead")),
			h("p", { class: "code-label" }, t("receipt.code")),
			h("p", { class: "code", translate: "no" }, receipt.tracking_code),
			h("p", { class: "actions" }, copyButton(receipt.tracking_code, t("receipt.copy"))),
			h("p", { class: "muted" }, t("receipt.received", { at: fullTime(receipt.received_at) }))),
		h("div", { class: "panel" }, h("h2", null, t("receipt.verdict")), status, again,
			h("p", { class: "actions receipt-next" },
				h("a", { class: "button", href: `/tra-cuu/${receipt.tracking_code}` }, icon("search"), t("receipt.track")),
				h("button", { type: "button", class: "button", onclick: another }, icon("pen"), t("receipt.another")))),
		h("figure", { class: "panel receipt-qr" }, qrCode(address, t("receipt.qr")), h("figcaption", { class: "muted" }, t("receipt.qr"))));
}
