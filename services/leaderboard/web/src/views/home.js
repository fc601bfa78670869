/* The campaigns there are: those that are open first, with the two ways in. */
import { h, icon } from "../lib/dom.js";
import { campaignOf, get, paths } from "../lib/api.js";
import { dayTime, number, percent, t } from "../lib/i18n.js";
import { openState } from "../parts/opening.js";
import { shareBar } from "../parts/bar.js";

function card(campaign, signal) {
	const state = openState(campaign);
	const figures = h("div", { class: "card-figures", "aria-live": "off" });
	const code = encodeURIComponent(campaign.code);
	campaignOf(campaign.code, signal).then(({ total, target }) => {
		if (!total) return;
		figures.append(h("p", { class: "card-total" }, h("strong", null, number(total.counted)), " ", t("home.counted")),
			target ? shareBar(total.counted, target, target) : null,
			target ? h("p", { class: "muted" }, t("home.of_target", { percent: percent(100 * total.counted / target), target: number(target) })) : null);
	}).catch(() => { /* the card stands without figures */ });
	return h("article", { class: `card campaign-card ${state}` },
		h("p", { class: `chip ${state}` }, t(`opening.${state}`)),
		h("h2", null, h("a", { href: `/c/${code}` }, campaign.name)),
		h("p", { class: "muted" }, t("home.dates", { from: dayTime(campaign.opens_at), to: dayTime(Date.parse(campaign.closes_at) - 1) })),
		figures,
		h("p", { class: "actions" },
			state === "open" ? h("a", { class: "button primary", href: `/c/${code}/gui` }, icon("pen"), t("nav.submit")) : null,
			h("a", { class: "button", href: `/c/${code}` }, icon("board"), t("nav.board"))));
}

export async function show(root, { signal, setTitle }) {
	const { campaigns } = await get(paths.campaigns(), signal);
	const order = { open: 0, soon: 1, closed: 2 };
	campaigns.sort((a, b) => order[openState(a)] - order[openState(b)] || Date.parse(b.opens_at) - Date.parse(a.opens_at));
	setTitle("");
	root.replaceChildren(
		h("section", { class: "hero" }, h("h1", null, t("home.title")), h("p", { class: "lead" }, t("home.lead"))),
		campaigns.length === 0 ? h("p", { class: "empty" }, t("home.none"))
			: h("div", { class: "cards" }, campaigns.map((campaign) => card(campaign, signal))));
}
