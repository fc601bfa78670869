/* "Something like this exists", while one writes, where the campaign and the server offer it. It is a hint and never in the way. */
import { h } from "../lib/dom.js";
import { paths, post } from "../lib/api.js";
import { clean } from "../lib/checks.js";
import { number, t } from "../lib/i18n.js";
import { characters } from "../lib/text.js";

const PAUSE_MS = 1500, LEAST_CHARACTERS = 60;

/* What is asked of `values`; null while there is too little to ask: likeness goes by the unit too. */
function draftOf({ unit, unit_accepts: accepts, description }) {
	const text = clean(description);
	return unit && accepts && characters(text) >= LEAST_CHARACTERS ? JSON.stringify({ unit, description: text }) : null;
}

export function Similar(campaign, signal) {
	const element = h("div", { class: "similar", role: "status" });
	let timer = null, asked = null, offered = true;
	const show = (similar) => element.replaceChildren(...(similar.length === 0 ? [] : [h("p", { class: "note warn" }, t("form.similar", { percent: number(100 * similar[0].score) }))]));
	async function ask(draft) {
		asked = draft;
		try {
			const { similar } = await post(paths.similar(campaign.code), draft, {}, signal);
			if (asked === draft) show(similar);
		} catch (error) {
			if (asked === draft) asked = null; /* asked again after the next letter */
			offered = ![403, 404, 405].includes(error.status); /* not here */
		}
	}
	signal.addEventListener("abort", () => clearTimeout(timer), { once: true });
	return {
		element,
		/* The text or the unit has changed: what was told of another draft goes. */
		written(values) {
			clearTimeout(timer);
			const draft = draftOf(values);
			if (!offered || draft === asked) return;
			asked = null;
			show([]);
			if (draft) timer = setTimeout(() => ask(draft), PAUSE_MS);
		},
	};
}
