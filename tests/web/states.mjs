/* Would catch: a page that shows an error of its own, a blank, or old figures as new where something is closed, unknown, wrong or
 * away. Contract; R14; law 5. */
import assert from "node:assert/strict";
import { createServer, request } from "node:http";
import { test } from "node:test";
import { BASE, api, done, figure, fill, grown, open, openForm, send, text, verdict, visit } from "./browser.mjs";

test("closed: said, with the ways on", async () => {
	const page = await open({}, "/c/75-nghin-sang-kien/gui");
	await page.waitForSelector('[data-state="closed"]');
	await page.getByText("00:00 21/04/2021").waitFor();
	await done(page);
});

test("not open yet: counts down by the server's clock, whatever the phone's says", async () => {
	const page = await open();
	await page.addInitScript(() => {
		const real = Date.now;
		Date.now = () => real() + 36 * 3600 * 1000;
	});
	await visit(page, "/c/page-soon/gui");
	await page.waitForSelector('[data-state="soon"]');
	assert.match(await page.locator(".countdown").textContent(), /^1[0-9] ngày \d\d:\d\d:\d\d$/);
	await visit(page, "/c/demo/gui");
	await page.waitForSelector("form.form");
	await done(page);
});

test("a campaign that closes while one writes: the server's word stands, the draft stays", async () => {
	const page = await openForm();
	await page.route("**/submissions", (route) => route.fulfill({ status: 403, contentType: "application/problem+json",
		body: JSON.stringify({ type: "/problems/campaign_closed", title: "x", status: 403, detail: "x" }) }));
	const { description } = await fill(page);
	await send(page);
	await page.waitForSelector('.notice-page[data-state="closed"]');
	await page.getByRole("heading", { name: "Chương trình đã kết thúc nhận sáng kiến" }).waitFor();
	await page.unroute("**/submissions");
	await visit(page, "/c/demo/gui");
	assert.equal(await page.getByLabel("Mô tả sáng kiến").inputValue(), description);
	await done(page);
});

for (const [path, words] of [["/c/nowhere", "Không có chương trình"], ["/c/nowhere/gui", "Không có chương trình"], ["/c/demo?unit=nowhere", "Không có đơn vị"],
	["/c/demo/don-vi/nowhere", "Không có đơn vị"], ["/c/demo/to-roi/nowhere", "Không có đơn vị"]])
	test(`unknown: ${path}`, async () => {
		const page = await open({}, path);
		await page.getByText(words).first().waitFor();
		await page.getByRole("link", { name: "Về trang đầu" }).click();
		await page.waitForSelector(".campaign-card");
		await done(page);
	});

test("an address that is none is not found by the server already", async () => {
	assert.equal((await fetch(`${BASE}/nowhere`)).status, 404);
	assert.equal((await fetch(`${BASE}/assets/nowhere.js`)).status, 404);
});

test("a tracking code with a typing error is told at once, without asking anybody", async () => {
	const sent = await (await fetch(`${BASE}/v1/campaigns/demo/submissions`, { method: "POST", headers: { "Content-Type": "application/json" },
		body: JSON.stringify({ full_name: "Lan Anh", phone: "0912345678", unit: "01.018.LIXIL", block: "enterprise", description: text() }) })).json();
	const page = await open({}, "/tra-cuu");
	const asked = [];
	page.on("request", (one) => { if (one.url().includes("/v1/submissions")) asked.push(one.url()); });
	const good = sent.tracking_code, swapped = (good[1] === "A" ? "B" : "A") + good.slice(2);
	await page.getByLabel("Mã tra cứu").fill(good[0] + swapped);
	await page.getByText("Mã bị gõ sai").waitFor();
	assert.deepEqual(asked, []);
	await page.getByLabel("Mã tra cứu").fill(good);
	await page.getByRole("button", { name: "Xem kết quả" }).click();
	await page.waitForSelector('.tracked [data-status="counted"]');
	await done(page);
});

test("a code that nobody has", async () => {
	const page = await open({}, "/tra-cuu/00000-00000-00000-00000-00000-00");
	await page.getByText("Không có sáng kiến nào mang mã này").waitFor();
	await done(page);
});

test("figures that may be old are marked, and lose the mark", async () => {
	const page = await open();
	const board = { ...await api("/v1/campaigns/demo/board"), current: false };
	await page.route("**/board/events**", (route) => route.fulfill({ status: 503, body: "" }));
	await page.route(/\/board(\?.*)?$/, (route) => route.fulfill({ json: board }));
	await visit(page, "/c/demo");
	await page.waitForSelector(".mark.old");
	await page.unroute("**/board/events**");
	await page.waitForSelector(".mark.live");
	await done(page);
});

/* An edge that cuts every stream of events as soon as it has said something; `cut` comes when it has done so twice. */
function cuttingEdge() {
	let cuts = 0, cutTwice = null;
	const cut = new Promise((resolve) => { cutTwice = resolve; });
	const server = createServer((from, to) => {
		const onward = request(BASE + from.url, { method: from.method, headers: { ...from.headers, host: new URL(BASE).host } }, (answer) => {
			to.writeHead(answer.statusCode, answer.headers);
			answer.pipe(to);
			if (from.url.includes("/events")) answer.once("data", () => setTimeout(() => { if (++cuts === 2) cutTwice(); to.destroy(); onward.destroy(); }, 200));
		});
		onward.on("error", () => to.destroy());
		from.pipe(onward);
	});
	return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve({ base: `http://127.0.0.1:${server.address().port}`, cut, end: () => { server.closeAllConnections?.(); server.close(); } })));
}

test("streams that are cut again and again lose no change", async () => {
	const edge = await cuttingEdge();
	try {
		const page = await open({ base: edge.base }, "/c/demo?unit=01.018.DN");
		const cell = 'tr[data-unit="01.018.STANLEY"] .value';
		await page.waitForSelector(cell);
		await edge.cut;
		const before = await figure(page, cell);
		const sender = await openForm({}, "/c/demo/gui?unit=01.018.STANLEY");
		await fill(sender);
		await send(sender);
		await verdict(sender, "counted");
		await grown(page, cell, before);
		await done(sender);
		await done(page);
	} finally {
		edge.end();
	}
});

test("markup, right-to-left marks and emoji in names and texts stay text", async () => {
	const page = await open({}, "/c/page-soon");
	await page.waitForSelector("tr[data-unit]");
	const shown = await page.locator('tr[data-unit="X1"] a').textContent();
	assert.equal(shown, '<img src=x onerror="window.spoilt=1"> \u202Eđảo\u202C 🏭');
	assert.equal(await page.evaluate(() => window.spoilt), undefined);
	assert.equal(await page.locator("main img").count(), 0);
	await visit(page, `/tra-cuu/${encodeURIComponent('"><script>window.spoilt=1<script>')}`);
	await page.getByLabel("Mã tra cứu").waitFor();
	assert.equal(await page.evaluate(() => window.spoilt), undefined);
	const form = await openForm();
	await fill(form, { description: `<script>window.spoilt=1</script> \u202E 👩‍🔧 ${text()}` });
	await send(form);
	await verdict(form, "counted");
	assert.equal(await form.evaluate(() => window.spoilt), undefined);
	await done(form);
	await done(page);
});
