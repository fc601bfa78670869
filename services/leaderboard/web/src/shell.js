/* What stands around every view: the head with the ways through the site, language and theme; the foot. */
import { h, icon, setText } from "./lib/dom.js";
import { keep, kept } from "./lib/storage.js";
import { t } from "./lib/i18n.js";
import { BrandMark } from "./parts/brand.js";
import { languageLink, themeButton } from "./parts/tools.js";

export function makeShell() {
	const places = [
		{ key: "board", icon: "board", href: (code) => (code ? `/c/${encodeURIComponent(code)}` : "/"), is: /^\/$|^\/c\/[^/]+(\/don-vi\/|$)/ },
		{ key: "submit", icon: "pen", href: (code) => (code ? `/c/${encodeURIComponent(code)}/gui` : "/"), is: /\/gui$/ },
		{ key: "track", icon: "search", href: () => "/tra-cuu", is: /^\/tra-cuu/ },
		{ key: "help", icon: "help", href: () => "/huong-dan", is: /^\/huong-dan/ },
	];
	for (const place of places)
		place.link = h("a", { class: "place" }, icon(place.icon), h("span", null, t(`nav.${place.key}`)));
	const skip = h("a", { class: "skip", href: "#main" }, t("shell.skip"));
	const head = h("header", { class: "head" }, h("div", { class: "head-inner" },
		h("a", { class: "brand", href: "/", "aria-label": t("shell.home") }, BrandMark(), h("span", null, t("brand"))),
		h("nav", { class: "places", "aria-label": t("shell.nav") }, places.map((place) => place.link)),
		h("div", { class: "tools" }, languageLink(), themeButton())));
	const main = h("main", { id: "main", tabindex: "-1" });
	const announcer = h("p", { class: "visually-hidden", role: "status", "aria-live": "polite" });
	const foot = h("footer", { class: "foot" }, h("div", { class: "foot-inner" },
		h("p", null, t("foot.map"), " ", h("a", { href: "https://github.com/VictorCazanave/svg-maps/tree/master/packages/vietnam", rel: "noopener noreferrer" }, "@svg-maps/vietnam"),
			", Stephen Truong, ", h("a", { href: "https://creativecommons.org/licenses/by/4.0/", rel: "license noopener noreferrer" }, "CC BY 4.0"), "; ", t("foot.map_changes")),
		h("p", null, h("a", { href: "/v1/openapi.yaml" }, t("foot.api")))));
	let campaign = kept("campaign");
	let first = true;

	return {
		elements: [skip, head, main, foot, announcer],
		setCampaign(code) {
			if (code) {
				campaign = code;
				keep("campaign", code);
			}
		},
		markPlace(path) {
			for (const place of places) {
				place.link.href = place.href(campaign);
				if (place.is.test(path)) place.link.setAttribute("aria-current", "page");
				else place.link.removeAttribute("aria-current");
			}
		},
		place(root) {
			main.replaceChildren(root);
		},
		/* A view that came by a link is where reading goes on: its heading gets the focus, and is read out. */
		ready(root, quiet) {
			if (!first && !quiet) {
				scrollTo(0, 0);
				main.focus({ preventScroll: true });
				setText(announcer, document.title);
			}
			first = false;
			root.dataset.ready = "true";
		},
	};
}
