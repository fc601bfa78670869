/* Would catch: an operators' page that is to be had at the public address, that shows a dead service as well, or a figure that
 * /metrics does not have. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";
import { BASE, OPS, api, done, grown, open, text } from "./browser.mjs";

const RUN = process.env.PAGE_RUN;
const steer = (option, instance) => execFileSync("s6-svc", [option, `${RUN}/s6/${instance}`]);
const row = (page, instance) => page.locator(`tr[data-instance="${instance}"]`);
const metricsOf = async (instance) => (await fetch(`http://${readFileSync(`${RUN}/instances/${instance}`, "utf8").trim()}/metrics`)).text();
const sample = (metrics, name) => Number(new RegExp(`^${name} (\\S+)$`, "m").exec(metrics)[1]);

test("the operators' page and its files are at their own port alone, with its policy", async () => {
	const shell = await fetch(`${OPS}/`), html = await shell.text();
	assert.equal(shell.status, 200);
	assert.match(shell.headers.get("content-security-policy"), /^default-src 'none'; script-src 'self'/);
	assert.doesNotMatch(shell.headers.get("content-security-policy"), /unsafe|https?:|\*/);
	const assets = [...html.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)].map((match) => match[1]);
	assert.ok(assets.some((asset) => asset.startsWith("/assets/ops-")));
	for (const asset of assets) {
		const answer = await fetch(OPS + asset);
		assert.equal(answer.status, 200, asset);
		assert.equal(answer.headers.get("x-content-type-options"), "nosniff");
	}
	for (const path of ["/ops", "/ops/", "/ops/index.html", "/ops.html", "/figures", "/metrics", "/v1/figures", ...assets.filter((asset) => asset.startsWith("/assets/ops-"))])
		assert.equal((await fetch(BASE + path)).status, 404, path);
	for (const path of ["/assets/..%2f..%2fkeys%2fperson.key", "/assets/%2fetc%2fpasswd", "/assets/nowhere.js", "/keys/person.key"])
		assert.equal((await fetch(OPS + path)).status, 404, path);
});

test("every instance is there with what its /metrics says, live", async () => {
	const page = await open({ base: OPS }, "/");
	const names = readdirSync(`${RUN}/s6`).filter((name) => /-\d+$/.test(name)).sort();
	assert.ok(names.length >= 7);
	assert.deepEqual((await page.locator("tr[data-instance]").evaluateAll((rows) => rows.map((one) => one.dataset.instance))).sort(), names);
	const taken = async () => sample(await metricsOf("intake-1"), "sangkien_intake_accepted_submissions_total");
	const before = await taken();
	await api("/v1/campaigns/demo/submissions", { method: "POST", headers: { "Content-Type": "application/json" },
		body: JSON.stringify({ full_name: "Lan Anh", phone: "0912345678", unit: "01.018.LIXIL", block: "enterprise", description: text() }) });
	assert.equal(await taken(), before + 1);
	await grown(page, '[data-card="received"] .muted', before);
	assert.equal(await page.locator('[data-card="drift"] .ops-value').textContent(), "0");
	await page.locator('[data-card="drift"]').getByText(/bảng [\d.]+ giây trước/).waitFor();
	assert.ok(await page.locator("tr[data-check]").count() >= 7);
	await done(page);
});

test("a service that is away is shown as away, and back when it is back", async () => {
	const page = await open({ base: OPS }, "/");
	await row(page, "notification-1").locator('[data-state="ready"]').waitFor();
	steer("-d", "notification-1");
	try {
		await row(page, "notification-1").locator('[data-state="away"]').waitFor();
		await row(page, "leaderboard-1").locator('[data-state="ready"]').waitFor();
	} finally {
		steer("-u", "notification-1");
	}
	await row(page, "notification-1").locator('[data-state="ready"]').waitFor();
	await page.route("**/figures", (route) => route.abort());
	await page.waitForSelector(".mark.cut");
	await page.unroute("**/figures");
	await page.waitForSelector(".mark.live");
	await done(page);
});
