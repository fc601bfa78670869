/* The steps in words, each with a picture of this page itself (tests/web makes them anew), and where to ask for help. */
import { h } from "../lib/dom.js";
import { campaignOf, get, paths } from "../lib/api.js";
import { kept } from "../lib/storage.js";
import { t } from "../lib/i18n.js";
import { openState } from "../parts/opening.js";
import step1 from "../pictures/poster.webp";
import step2 from "../pictures/form.webp";
import step3 from "../pictures/receipt.webp";
import step4 from "../pictures/track.webp";
import step5 from "../pictures/board.webp";

const PICTURES = [step1, step2, step3, step4, step5];
const WIDTH = 360, HEIGHT = 640;

async function campaignInMind(signal) {
	const { campaigns } = await get(paths.campaigns(), signal);
	const one = campaigns.find(({ code }) => code === kept("campaign")) ?? campaigns.find((some) => openState(some) === "open") ?? campaigns[0];
	return one ? campaignOf(one.code, signal) : null;
}

export async function show(root, { signal, setTitle }) {
	setTitle(t("nav.help"));
	const support = h("p");
	root.replaceChildren(
		h("header", { class: "hero" }, h("h1", null, t("help.title")), h("p", { class: "lead" }, t("help.lead"))),
		h("ol", { class: "steps" }, PICTURES.map((picture, i) => h("li", { class: "panel step" },
			h("div", null, h("h2", null, h("span", { class: "rank top" }, String(i + 1)), t(`help.step${i + 1}`)), h("p", null, t(`help.step${i + 1}_text`))),
			h("img", { src: picture, alt: t("help.picture", { what: t(`help.step${i + 1}`) }), width: WIDTH, height: HEIGHT, loading: "lazy" })))),
		h("section", { class: "panel support" }, h("h2", null, t("help.support")), support));
	try {
		const campaign = await campaignInMind(signal);
		support.append(campaign?.support ?? t("help.support_none"), campaign?.support ? h("span", { class: "muted" }, ` (${campaign.name})`) : "");
	} catch {
		support.append(t("help.support_none"));
	}
}
