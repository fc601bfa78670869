/* "Something like this exists", while one writes, where the campaign and the server offer it. It is a hint and never in the way. */
import { h } from "../lib/dom.js";
import { paths, post } from "../lib/api.js";
import { clean } from "../lib/checks.js";
import { number, t } from "../lib/i18n.js";
import { characters } from "../lib/text.js";

const PAUSE_MS = 1500, LEAST_CHARACTERS = 60;

export function Similar(campaign, signal) {
	const element = h("div", { class: "similar", role: "status" });
	let timer = null, asked = "", offered = true;
	async function ask(values) {
		timer = null;
		const description = clean(values.description);
		if (!offered || description === asked || characters(description) < LEAST_CHARACTERS) return;
		asked = description;
		try {
			const body = { description, ...(values.unit ? { unit: values.unit } : {}) };
			const { similar = [] } = await post(paths.similar(campaign.code), JSON.stringify(body), {}, signal);
			element.replaceChildren(...(similar.length === 0 ? [] : [h("p", { class: "note warn" }, t("form.similar", { percent: number(100 * similar[0].score) }))]));
		} catch (error) {
			offered = ![403, 404, 405, 422].includes(error.status); /* not here; after anything else it is asked again */
		}
	}
	signal.addEventListener("abort", () => clearTimeout(timer), { once: true });
	return {
		element,
		written(values) {
			clearTimeout(timer);
			timer = setTimeout(() => ask(values), PAUSE_MS);
		},
	};
}
