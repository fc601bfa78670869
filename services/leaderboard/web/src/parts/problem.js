/* What cannot be shown, in plain words, with the way on. */
import { h, icon } from "../lib/dom.js";
import { t } from "../lib/i18n.js";

function wordsOf(error) {
	if (error?.status === 404 && /\/(don-vi|to-roi)\//.test(location.pathname) && error.code !== "unknown_campaign") return ["problem.missing_title", "problem.unknown_unit"];
	if (error?.status === 404) return ["problem.missing_title", error.code === "unknown_campaign" ? "problem.unknown_campaign" : "problem.missing"];
	if (error?.status === 422) return ["problem.missing_title", "problem.unknown_unit"];
	if (error?.status === 0) return ["problem.offline_title", "problem.offline"];
	if (error?.status === 503 || error?.status === 429) return ["problem.busy_title", "problem.busy"];
	return ["problem.failed_title", "problem.failed"];
}

export function showProblem(root, error, again) {
	const [title, text] = wordsOf(error);
	const final = error?.status === 404 || error?.status === 422;
	document.title = `${t(title)} · ${t("brand")}`;
	root.replaceChildren(h("section", { class: "notice-page" },
		icon("warn", "notice-icon"), h("h1", null, t(title)), h("p", null, t(text)),
		h("p", { class: "actions" },
			final ? null : h("button", { class: "button primary", type: "button", onclick: again }, t("problem.again")),
			h("a", { class: final ? "button primary" : "button", href: "/" }, t("problem.home")))));
}
