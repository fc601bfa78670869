/* Would catch: a panel that is seen for a moment only (sending, receipt, refusals, what is away) and that a screen reader cannot read or
 * that is wider than a phone; what is printed or hung on a wall with controls on it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { UNIT, api, done, fill, open, openForm, send, text, visit } from "./browser.mjs";
import { look } from "./looking.mjs";

const PHONE = [320];
const CODE = "00000-00000-00000-00000-00000-00";
const AT = "2026-11-20T08:00:00.000000+07:00";
const problem = (status, code) => ({ status, contentType: "application/problem+json", body: JSON.stringify({ type: `/problems/${code}`, code, title: code, status, detail: "" }) });
const verdictOf = (status, reasons, similar = []) => ({ tracking_code: CODE, campaign: "demo", unit: UNIT, status, reasons, phase: 1, received_at: AT, decided_at: AT, similar,
	history: [{ status: "received", at: AT }, { status, at: AT }] });
const REFUSED = verdictOf("rejected", [{ code: "outside_window", field: "applied_on", message: "…" }, { code: "too_long", field: "description", message: "…" }]);
const SAID = { vi: ["Gửi sáng kiến", "Quay lại sửa", "Sửa và gửi lại"], en: ["Submit", "Back to the form", "Correct and send again"] };

/* What the server says to the next submission, and of the one it took. */
async function server(page, { post, status }) {
	await page.unroute("**/submissions");
	await page.unroute("**/v1/submissions/**");
	await page.route("**/submissions", post);
	await page.route("**/v1/submissions/**", (route) => (route.request().url().endsWith("/events") ? route.fulfill({ contentType: "text/event-stream", body: "" }) : route.fulfill({ json: status })));
}
const taken = (route) => route.fulfill({ status: 202, json: { id: "0", tracking_code: CODE, received_at: AT, status_url: `/v1/submissions/${CODE}` } });

for (const language of ["vi", "en"])
	test(`each panel of sending, refusal and absence in ${language}: readable by all, no wider than a phone`, async () => {
		const page = await openForm({ viewport: { width: 320, height: 640 } }), [press, back, mend] = SAID[language];
		const submit = () => page.locator("button[type=submit]").click();
		const see = async (selector, name) => {
			await page.waitForSelector(selector);
			await look(page, `panel-${name}`, language, PHONE);
		};
		await fill(page);
		await page.evaluate((chosen) => localStorage.setItem("language", chosen), language);
		await visit(page, `/c/demo/gui?unit=${UNIT}`);
		await page.waitForSelector(".levels .combo:nth-child(4)");
		assert.match(await page.locator("button[type=submit]").textContent(), new RegExp(press));
		let answer = null;
		await server(page, { post: (route) => { answer = () => route.abort(); } });
		await submit();
		await see('.sending[data-kind="sending"]', "sending");
		answer();
		await see('.sending[data-kind="waiting"]', "waiting");
		await page.getByRole("button", { name: back }).click();
		await server(page, { post: taken, status: REFUSED });
		await submit();
		await see('.receipt [data-status="rejected"]', "refused");
		await page.getByRole("button", { name: mend }).click();
		await see(".summary", "mend");
		await server(page, { post: (route) => route.fulfill(problem(403, "campaign_closed")) });
		await submit();
		await see(".notice-page[data-state]", "closed-meanwhile");
		await visit(page, `/c/demo/gui?unit=${UNIT}`);
		await page.waitForSelector(".levels .combo:nth-child(4)");
		await server(page, { post: taken, status: verdictOf("under_review", [{ code: "legacy_encoding", field: null, message: "…" }], [{ score: 0.81 }]) });
		await submit();
		await see('.receipt [data-status="under_review"]', "under-review");
		for (const [name, refuse] of [["busy", (route) => route.fulfill(problem(503, "unavailable"))], ["away", (route) => route.abort()], ["failed", (route) => route.fulfill(problem(500, "internal"))]]) {
			await page.route("**/v1/campaigns/demo", refuse);
			await visit(page, "/c/demo/gui");
			await see(".notice-page button", name);
			await page.unroute("**/v1/campaigns/demo");
		}
		await done(page);
	});

/* The unit whose row stands last has most to climb. */
async function lastOf(parent) {
	const { rows } = await api(`/v1/campaigns/demo/board?parent=${parent}`);
	return rows.at(-1).unit;
}
const placeOf = (page, unit) => page.locator("tr[data-unit]").evaluateAll((rows, wanted) => rows.findIndex((row) => row.dataset.unit === wanted), unit);

test("rows glide to their new places, and stand there at once for who asks for less motion", async () => {
	const parent = "01.018.DN", unit = await lastOf(parent), pages = [];
	for (const reducedMotion of ["no-preference", "reduce"]) {
		const page = await open({ reducedMotion });
		await page.addInitScript(() => {
			window.glides = [];
			const animate = Element.prototype.animate;
			Element.prototype.animate = function (frames, options) {
				if (frames[0]?.transform) window.glides.push([this.dataset.unit, frames[0].transform]);
				return animate.call(this, frames, options);
			};
		});
		await visit(page, `/c/demo?unit=${parent}`);
		await page.waitForSelector(".mark.live");
		pages.push(page);
	}
	const before = await placeOf(pages[0], unit);
	await api("/v1/campaigns/demo/submissions", { method: "POST", headers: { "Content-Type": "application/json" },
		body: JSON.stringify({ full_name: "Phạm Thị Hoa", phone: "0977654321", unit, block: "enterprise", description: text() }) });
	for (const page of pages)
		await page.waitForFunction(([wanted, least]) => [...document.querySelectorAll("tr[data-unit]")].findIndex((row) => row.dataset.unit === wanted) < least, [unit, before]);
	const [glided, stood] = await Promise.all(pages.map((page) => page.evaluate(() => window.glides)));
	const [, from] = glided.find(([moved]) => moved === unit);
	assert.match(from, /^translateY\([1-9]\d*px\)$/, "it comes from below");
	assert.deepEqual(stood, []);
	for (const page of pages) await done(page);
});

test("on a wall: no controls, all of it on one screen, live", async () => {
	const page = await open({ viewport: { width: 1920, height: 1080 } }, "/c/demo?wall=1");
	await page.waitForSelector(".map path");
	await page.waitForSelector(".mark.live");
	const seen = await page.evaluate(() => ({
		controls: [...document.querySelectorAll("button, input, select, .head, .foot, .places")].filter((one) => one.getClientRects().length > 0).map((one) => one.outerHTML.slice(0, 80)),
		leave: getComputedStyle(document.querySelector(".wall-leave")).opacity,
		over: document.documentElement.scrollHeight - innerHeight,
	}));
	assert.deepEqual(seen, { controls: [], leave: "0", over: 0 });
	await page.keyboard.press("Tab");
	for (let i = 0; i < 200 && !(await page.evaluate(() => document.activeElement.className === "wall-leave")); i++) await page.keyboard.press("Shift+Tab");
	await page.keyboard.press("Enter");
	await page.waitForSelector(".head", { state: "visible" });
	await done(page);
});

const sheetsOf = (pdf) => pdf.toString("latin1").match(/\/Type\s*\/Page\b/g).length;

test("printed: the poster is one sheet with its code, progress is dark on white, without controls", async () => {
	const page = await open({ colorScheme: "dark" }, `/c/demo/to-roi/${UNIT}`);
	await page.waitForSelector(".poster");
	assert.equal(sheetsOf(await page.pdf({ preferCSSPageSize: true, printBackground: true })), 1);
	await visit(page, "/c/demo/don-vi/01.018");
	await page.waitForSelector(".children tbody tr");
	await page.emulateMedia({ media: "print" });
	await look(page, "printed", "vi", [768]);
	await page.emulateMedia({ media: "print", colorScheme: "dark" });
	const seen = await page.evaluate(() => ({
		controls: [...document.querySelectorAll("button, .head, .foot, .places, .actions")].filter((one) => one.getClientRects().length > 0).length,
		paper: getComputedStyle(document.body).backgroundColor, ink: getComputedStyle(document.querySelector("h1")).color,
	}));
	assert.deepEqual(seen, { controls: 0, paper: "rgb(255, 255, 255)", ink: "rgb(0, 0, 0)" });
	assert.ok(sheetsOf(await page.pdf({ preferCSSPageSize: true })) >= 1);
	await done(page);
});
