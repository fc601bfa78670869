/* Would catch: a page that a screen reader cannot read, that is wider than its screen, that shows a key instead of words, that loads
 * too much, or from elsewhere. Leaves a picture of each in build/. WCAG 2.1 AA by axe-core. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { BASE, OPS, SOURCES, UNIT, api, done, messages, open, text, visit } from "./browser.mjs";
import { look } from "./looking.mjs";

const sent = await api("/v1/campaigns/demo/submissions", { method: "POST", headers: { "Content-Type": "application/json" },
	body: JSON.stringify({ full_name: "Trần Văn Minh", phone: "0987654321", unit: UNIT, block: "enterprise", description: text() }) });

const PAGES = {
	home: ["/", ".campaign-card"], board: ["/c/demo", ".map path"], unit_board: ["/c/demo?unit=01.018&metric=percent", "tr[data-unit]"],
	wall: ["/c/demo?wall=1", ".map path"], form: [`/c/demo/gui?unit=${UNIT}`, ".levels .combo:nth-child(4)"],
	wrong: ["/c/demo/gui", "form.form"], closed: ["/c/75-nghin-sang-kien/gui", "[data-state]"], soon: ["/c/page-soon/gui", "[data-state]"],
	track: ["/tra-cuu", "form"], tracked: [`/tra-cuu/${sent.tracking_code}`, ".tracked .timeline"], progress: ["/c/demo/don-vi/01.018", ".period"],
	poster: [`/c/demo/to-roi/${UNIT}`, ".poster"], help: ["/huong-dan", ".support"], missing: ["/c/nowhere", ".notice-page"],
	ops: ["/", "tr[data-check]", OPS],
};

for (const language of ["vi", "en"])
	for (const [name, [path, awaited, base]] of Object.entries(PAGES))
		test(`${name} in ${language}: readable by all, in both themes, no wider than its screen`, async () => {
			const page = await open({ base });
			await page.addInitScript((chosen) => localStorage.setItem("language", chosen), language);
			await visit(page, path);
			await page.waitForSelector(awaited);
			assert.equal(await page.getAttribute("html", "lang"), language);
			if (name === "wrong") {
				await page.locator("button[type=submit]").click();
				await page.waitForSelector(".summary");
			}
			await look(page, name, language);
			await done(page);
		});

test("the first load is at most 150 KB as sent, all of it from here", async () => {
	const page = await open();
	const client = await page.context().newCDPSession(page);
	const urls = new Map();
	let bytes = 0;
	await client.send("Network.enable");
	client.on("Network.responseReceived", ({ requestId, response }) => urls.set(requestId, response.url));
	client.on("Network.loadingFinished", ({ encodedDataLength }) => { bytes += encodedDataLength; });
	await visit(page, "/c/demo");
	await page.waitForSelector(".map path");
	await page.evaluate(() => document.fonts.ready);
	for (const url of urls.values()) assert.equal(new URL(url).origin, BASE);
	assert.ok(bytes > 50000 && bytes <= 150 * 1024, `${bytes} bytes`);
	await done(page);
});

test("the edge sends the page with its policy, and files that are named by what is in them for a year", async () => {
	const shell = await fetch(`${BASE}/c/demo`);
	const policy = shell.headers.get("content-security-policy");
	assert.match(policy, /default-src 'none'/);
	assert.doesNotMatch(policy, /unsafe|https?:|\*/);
	assert.equal(shell.headers.get("x-content-type-options"), "nosniff");
	assert.equal(shell.headers.get("cache-control"), "no-cache");
	const html = await shell.text();
	assert.doesNotMatch(html, /<style|style=|<script>|\son\w+=/);
	for (const [, asset] of html.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)) {
		const answer = await fetch(BASE + asset, { headers: { "Accept-Encoding": "gzip" } });
		assert.equal(answer.status, 200, asset);
		assert.match(answer.headers.get("cache-control"), /max-age=31536000, immutable/);
		assert.equal(answer.headers.get("x-content-type-options"), "nosniff");
		if (/\.(js|css|svg)$/.test(asset)) assert.equal(answer.headers.get("content-encoding"), "gzip", asset);
	}
});

test("both languages have words for the same, and a reason has the server's", () => {
	const [vi, en] = ["vi", "en"].map(messages);
	assert.deepEqual(Object.keys(vi), Object.keys(en));
	for (const key of Object.keys(vi)) {
		const names = (words) => [...words.matchAll(/\{\w+\}/g)].map(String).sort();
		assert.deepEqual(names(vi[key]), names(en[key]), key);
	}
	const source = readFileSync(new URL("../../../common/domain/status.c", SOURCES), "utf8").split("REASONS[] = {")[1].split("\n};")[0];
	const texts = (literal) => [...literal.matchAll(/"([^"]*)"/g)].map((match) => match[1]).join("");
	let count = 0;
	for (const [, code, field, inVietnamese, inEnglish] of source.matchAll(/\{"(\w+)", (NULL|"\w+"),\s*((?:"[^"]*"\s*)+),\s*((?:"[^"]*"\s*)+)\}/g)) {
		const key = `reason.${code}${field === "NULL" ? "" : `.${field.slice(1, -1)}`}`;
		assert.equal(vi[key], texts(inVietnamese), key);
		assert.equal(en[key], texts(inEnglish), key);
		count++;
	}
	assert.equal(count, Object.keys(vi).filter((key) => key.startsWith("reason.")).length);
	assert.ok(count > 30);
});

test("language, theme, metric, phase and unit are kept by choice or link", async () => {
	const page = await open({}, "/c/demo?metric=percent&phase=1");
	await page.waitForSelector('.segment[aria-pressed="true"]:has-text("% chỉ tiêu")');
	assert.equal(await page.locator(".phase-select").inputValue(), "1");
	await page.getByRole("button", { name: "Số người" }).click();
	await page.waitForSelector('.segment[aria-pressed="true"]:has-text("Số người")');
	assert.match(page.url(), /metric=people/);
	await page.locator(".ranking a").first().click();
	await page.waitForSelector(".breadcrumb");
	await page.getByRole("button", { name: "Chuyển sang nền tối" }).click();
	assert.equal(await page.getAttribute("html", "data-theme"), "dark");
	await page.getByRole("link", { name: "English" }).click();
	await page.waitForSelector('html[lang="en"] [data-ready]');
	assert.equal(await page.getAttribute("html", "data-theme"), "dark");
	await page.getByRole("button", { name: "People" }).waitFor();
	await done(page);
});

test("the islands are on the map, and every province has a place on it", async () => {
	const page = await open({}, "/c/demo");
	await page.waitForSelector(".map path");
	assert.deepEqual(await page.locator(".map-sea").allTextContents(), ["Quần đảo Hoàng Sa", "Quần đảo Trường Sa"]);
	assert.equal(await page.locator(".map .shape").count(), 65);
	assert.equal(await page.locator(".map .island").count(), 2);
	assert.equal(await page.locator(".ranking tbody tr").count(), 83);
	await page.getByText("CC BY 4.0").waitFor();
	await done(page);
});
