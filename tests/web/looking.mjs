/* One look at a page as everybody may see it: both themes, each width, axe-core (WCAG 2.1 AA), no key instead of words. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { SHOTS, require } from "./browser.mjs";

const AXE = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const WIDTHS = [320, 768, 1440];

/* At each of `widths`, in both themes; a picture of most. */
export async function look(page, name, language, widths = WIDTHS) {
	await page.evaluate(() => document.fonts.ready);
	await page.evaluate(AXE);
	for (const theme of ["light", "dark"]) {
		await page.emulateMedia({ colorScheme: theme, reducedMotion: "reduce" });
		for (const width of widths) {
			await page.setViewportSize({ width, height: width === 320 ? 640 : 900 });
			const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
			assert.equal(over, 0, `${name} is ${over} px wider than ${width}`);
			if (language === "vi" ? theme === "light" || width === 1440 : theme === "light" && width === 320)
				await page.screenshot({ path: `${SHOTS}/${name}-${width}-${theme}-${language}.png`, animations: "disabled" });
		}
		const { violations } = await page.evaluate(async () => window.axe.run(document, { resultTypes: ["violations"] }));
		assert.deepEqual(violations.map((one) => [one.id, one.nodes.map((node) => `${node.html.slice(0, 160)} ${node.failureSummary}`)]), [], `${name} ${theme} ${language}`);
	}
	const shown = await page.evaluate(() => document.body.innerText);
	assert.equal(/\b(?:board|form|unit|status|track|help|poster|sending|receipt|closed|opening|total|map|history|nav|problem|home|ops)\.[a-z_]{3,}/.exec(shown)?.[0], undefined, "a key without words");
}
