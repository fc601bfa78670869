/* The unit by cascade: province or branch, then what lies below it; or found at once by a part of its name. */
import { h } from "../lib/dom.js";
import { get, paths } from "../lib/api.js";
import { t } from "../lib/i18n.js";
import { Combobox } from "./combobox.js";

const optionOf = (unit) => ({ value: unit.code, text: unit.name, unit });

/* `changed(unit | null)`: the unit as it stands now, the deepest that was chosen. */
export function UnitPicker(campaign, code, changed, signal) {
	const levels = h("div", { class: "levels" });
	const element = h("div", { class: "unit-picker" }, levels);
	let first = null;

	const childrenOf = async (parent) => (await get(paths.units(campaign, { parent }), signal)).units.map(optionOf);
	async function found(typed) {
		const { units } = await get(paths.units(campaign, { q: typed }), signal);
		return units.filter((unit) => unit.parent !== null).map((unit) => ({ ...optionOf(unit), detail: unit.code, isDeep: true }));
	}
	async function fill(target) {
		const { units } = await get(paths.units(campaign, { line: target }), signal);
		await show(units);
	}
	/* `line`: the root, then what is chosen. Draws a level for each, and one more where there is more to choose. */
	async function show(line) {
		const chosen = line.slice(1);
		const lists = await Promise.all(line.map((unit) => (unit.children > 0 ? childrenOf(unit.code) : [])));
		levels.replaceChildren();
		first = null;
		line.forEach((parent, depth) => {
			if (lists[depth].length === 0) return;
			const unit = chosen[depth] ?? null;
			const box = Combobox({
				label: depth === 0 ? t("unit.top") : t("unit.below", { name: parent.name }),
				hint: depth === 0 ? t("unit.search_hint") : unit ? null : parent.accepts_submissions ? t("unit.may_stop", { name: parent.name }) : t("unit.type"),
				options: lists[depth], text: unit?.name ?? "", more: depth === 0 ? found : null,
				chosen: (option) => {
					const go = !option ? show(line.slice(0, depth + 1)).then(() => levels.querySelectorAll("input")[depth]?.focus())
						: option.isDeep ? fill(option.value)
							: show([...line.slice(0, depth + 1), option.unit]).then(() => levels.querySelectorAll("input")[depth + 1]?.focus());
					go.catch(() => {});
				},
			});
			first ??= box.input;
			levels.append(box.element);
		});
		changed(chosen.at(-1) ?? null);
	}
	const start = async () => {
		const root = { code: null, children: 1, accepts_submissions: false };
		if (code) {
			try {
				return await fill(code);
			} catch (error) {
				if (error.status !== 422) throw error;
				element.prepend(h("p", { class: "note warn" }, t("unit.unknown_link", { code })));
			}
		}
		await show([root]);
	};
	return { element, started: start(), focus: () => first?.focus(), inputs: () => [...levels.querySelectorAll("input")] };
}
