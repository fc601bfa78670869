/* Where a unit stands: the nation, then every unit above it. */
import { h, icon } from "../lib/dom.js";
import { t } from "../lib/i18n.js";
import { boardAddress } from "../views/board.js";

export function breadcrumb(campaign, line, choice) {
	return h("nav", { class: "breadcrumb", "aria-label": t("board.above") }, h("ol", null,
		line.slice(0, -1).map((unit, depth) => h("li", null,
			h("a", { href: boardAddress(campaign.code, { ...choice, unit: depth === 0 ? null : unit.code }) }, depth === 0 ? t("board.nation") : unit.name),
			icon("next")))));
}
