/* What every page has in its head: the other language, and the other theme. */
import { h, icon } from "../lib/dom.js";
import { keep } from "../lib/storage.js";
import { language, t } from "../lib/i18n.js";

export function languageLink() {
	const other = language === "vi" ? "en" : "vi";
	const link = h("a", { class: "tool", lang: other, hreflang: other, title: t(`shell.to_${other}`) }, other === "en" ? "English" : "Tiếng Việt");
	link.addEventListener("click", (event) => {
		event.preventDefault();
		keep("language", other);
		const url = new URL(location.href);
		url.searchParams.delete("lang");
		location.replace(url); /* the same view, all of it in the other language */
	});
	link.href = `?lang=${other}`;
	return link;
}

export function themeButton() {
	const isDark = () => document.documentElement.dataset.theme === "dark"; /* src/theme.js sets it */
	const button = h("button", { class: "tool tool-icon", type: "button" });
	const draw = () => {
		button.replaceChildren(icon(isDark() ? "sun" : "moon"));
		button.setAttribute("aria-label", t(isDark() ? "shell.to_light" : "shell.to_dark"));
	};
	button.addEventListener("click", () => {
		const chosen = isDark() ? "light" : "dark";
		document.documentElement.dataset.theme = chosen;
		keep("theme", chosen);
		draw();
	});
	matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
	draw();
	return button;
}
