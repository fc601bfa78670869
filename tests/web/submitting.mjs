/* Would catch: a submission lost or made twice by taps, cuts, refusals and closed tabs; a verdict nobody sees; checks that say
 * otherwise than the server. Contract "Submitting"; R5, R6, R13. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { SOURCES, UNIT, api, done, figure, fill, grown, messages, open, openForm, person, send, text, verdict, visit } from "./browser.mjs";

test("submitted, received, counted, and the row moves on a page that is open elsewhere", async () => {
	const board = await open({}, "/c/demo?unit=01.018.DN");
	const cell = `tr[data-unit="${UNIT}"] .value`, before = await figure(board, cell);
	const page = await openForm();
	await fill(page);
	await send(page);
	await verdict(page, "counted");
	const code = await page.locator(".receipt .code").textContent();
	assert.match(code, /^[0-9A-Z-]{32}$/);
	await grown(board, cell, before);
	await visit(page, `/tra-cuu/${code.toLowerCase().replace(/-/g, " ")}`);
	await page.waitForSelector('.tracked [data-status="counted"]');
	assert.equal((await page.locator("main").textContent()).includes("Lan"), false, "no personal data on the tracking page");
	await done(board);
	await done(page);
});

test("a double tap sends one", async () => {
	const page = await openForm();
	const keys = [];
	page.on("request", (request) => { if (request.method() === "POST" && request.url().endsWith("/submissions")) keys.push(request.headers()["idempotency-key"]); });
	await fill(page);
	await page.evaluate(() => {
		const button = document.querySelector("button[type=submit]");
		button.click();
		button.click();
	});
	await verdict(page, "counted");
	assert.equal(keys.length, 1);
	assert.ok(keys[0].length >= 16);
	await done(page);
});

/* So long that it is the person who does not wait for it; of no answer nobody can say when. */
for (const [status, headers] of [[429, { "Retry-After": "600" }], [503, { "Retry-After": "600" }], [504, { "Retry-After": "600" }], [0, {}]])
	test(`${status || "no answer"}: told, and sent again by itself under the same key`, async () => {
		const page = await openForm();
		const keys = [];
		await page.route("**/submissions", async (route) => {
			keys.push(route.request().headers()["idempotency-key"]);
			if (keys.length > 1) return route.continue();
			return status === 0 ? route.abort() : route.fulfill({ status, headers, contentType: "application/problem+json", body: JSON.stringify({ type: "/problems/x", title: "x", status, detail: "x" }) });
		});
		await fill(page);
		await send(page);
		await page.waitForSelector(`.sending[data-kind="waiting"][data-status="${status}"]`);
		if (status !== 0) await page.getByRole("button", { name: "Gửi lại ngay" }).click();
		await verdict(page, "counted");
		assert.equal(keys.length, 2);
		assert.equal(keys[0], keys[1]);
		await done(page);
	});

test("kept by the server, answer lost, changed meanwhile: the first one's receipt, and one submission", async () => {
	const page = await openForm();
	const total = async () => (await api("/v1/campaigns/demo/board?parent=01.018.DN&around=01.018.LIXIL&limit=1")).rows[0].entered;
	let posts = 0, isChanged = false;
	await page.route("**/submissions", async (route) => {
		if (isChanged) return route.continue();
		if (++posts === 1) await route.fetch(); /* the server has it; the network loses what it says */
		return route.abort();
	});
	const before = await total();
	await fill(page);
	await send(page);
	await page.waitForSelector('.sending[data-kind="waiting"]');
	await page.getByRole("button", { name: "Quay lại sửa" }).click();
	await page.getByLabel("Mô tả sáng kiến").fill(text());
	isChanged = true;
	await send(page);
	await page.getByText("Lần gửi trước đã được nhận").waitFor();
	await verdict(page, "counted");
	assert.equal(await total(), before + 1);
	await done(page);
});

test("a draft outlives the tab, and what was being sent without a network goes when there is one", async () => {
	const page = await openForm();
	const context = page.context();
	const { description } = await fill(page);
	await Promise.all([page.waitForEvent("close"), page.close({ runBeforeUnload: true })]);
	const again = await context.newPage();
	again.faults = [];
	again.base = page.base;
	await visit(again, "/c/demo/gui");
	await again.waitForSelector(".levels .combo:nth-child(4)");
	assert.equal(await again.getByLabel("Mô tả sáng kiến").inputValue(), description);
	assert.equal(await again.getByLabel("Họ và tên").inputValue(), "Nguyễn Thị Lan");
	await context.setOffline(true);
	await send(again);
	await again.getByText("Máy đang mất mạng").waitFor();
	await context.setOffline(false);
	await verdict(again, "counted");
	await done(again);
});

test("sending goes on where the tab was closed in the midst of it", async () => {
	const page = await openForm();
	const context = page.context();
	await page.route("**/submissions", (route) => route.abort());
	await fill(page);
	await send(page);
	await page.waitForSelector('.sending[data-kind="waiting"]');
	await page.close();
	const again = await context.newPage();
	again.faults = [];
	again.base = page.base;
	await visit(again, "/c/demo/gui");
	await verdict(again, "counted");
	await done(again);
});

test("what is wrong is said beside its field, in the server's words, and by the server too", async () => {
	const page = await openForm();
	await send(page);
	await page.waitForSelector(".summary");
	assert.equal(await page.locator('[data-field="phone"] .error').getAttribute("data-code"), "required");
	await page.getByLabel("Số điện thoại").fill("12345");
	await page.getByLabel("Họ và tên").fill("Lan");
	assert.match(await page.locator('[data-field="phone"] .error').textContent(), /Số điện thoại không đúng/);
	await page.getByLabel("Đường dẫn minh chứng").fill("http://x.vn");
	await page.getByLabel("Họ và tên").focus();
	assert.equal(await page.locator('[data-field="evidence_url"] .error').getAttribute("data-code"), "invalid");
	await page.getByLabel("Đường dẫn minh chứng").fill("");
	await fill(page);
	await page.route("**/submissions", async (route) => {
		const body = { ...JSON.parse(route.request().postData()), phone: "12" };
		await route.continue({ postData: JSON.stringify(body) });
	});
	await send(page);
	await page.waitForSelector(".summary");
	assert.equal(await page.locator('[data-field="phone"] .error').getAttribute("data-code"), "invalid");
	await done(page);
});

test("a refused one says why and can be mended and sent again", async () => {
	const first = await openForm(), who = person(), description = text();
	await fill(first, { who, description });
	await send(first);
	await verdict(first, "counted");
	await done(first);
	const page = await openForm();
	await fill(page, { who, description });
	await send(page);
	await verdict(page, "duplicate");
	await page.getByText("Bạn đã gửi nội dung này rồi").first().waitFor();
	await page.getByRole("button", { name: "Sửa và gửi lại" }).click();
	await page.waitForSelector(".summary");
	assert.equal(await page.getByLabel("Số điện thoại").inputValue(), who.phone);
	await page.getByLabel("Mô tả sáng kiến").fill(text());
	await send(page);
	await verdict(page, "counted");
	await done(page);
});

test("something like it is there: told while one writes, by the unit too, and no longer of another text", async () => {
	const common = text(), page = await open({}, "/c/demo/gui");
	await api("/v1/campaigns/demo/submissions", { method: "POST", headers: { "Content-Type": "application/json", Prefer: "wait=10" },
		body: JSON.stringify({ full_name: "Lê Văn Tám", phone: person().phone, unit: UNIT, block: "enterprise", description: common }) });
	const field = page.getByLabel("Mô tả sáng kiến");
	await field.fill(`${common} và`);
	await page.getByRole("combobox").first().fill("lixil");
	await page.getByRole("option", { name: /Lixil/ }).click();
	await page.waitForSelector(".levels .combo:nth-child(4)");
	await page.locator(".similar").getByText(/Đã có một sáng kiến tương tự \((9\d|100)%\)/).waitFor();
	await field.fill(text());
	await page.locator(".similar .note").waitFor({ state: "detached" });
	await done(page);
});

test("text of before Unicode is told as the field is left, in the server's words, and goes all the same at the second press", async () => {
	const page = await openForm(), description = `C«ng nh©n dïng xe ®Èy cã b¸nh xoay ${text()}`;
	await fill(page, { description });
	await page.getByLabel("Họ và tên").focus();
	const error = page.locator('[data-field="description"] .error');
	assert.equal(await error.getAttribute("data-code"), "legacy_encoding");
	assert.equal(await error.textContent(), messages("vi")["reason.legacy_encoding"]);
	await send(page);
	await page.locator(".summary").getByText("bấm Gửi sáng kiến lần nữa").waitFor();
	await send(page);
	await page.waitForSelector('.receipt [data-code="legacy_encoding"]');
	await done(page);
});

test("the page and the server take the same texts for ones of before Unicode", async () => {
	const { isLegacy } = await import(new URL("src/lib/legacy.js", SOURCES));
	const source = readFileSync(new URL("../../../tests/unit/deduplication/test_legacy.c", SOURCES), "utf8");
	const texts = [...source.matchAll(/expect\(table, "([^"]*)",\s+LEGACY_(\w+)/g)].map(([, sample, kind]) => [sample, kind !== "NONE"]);
	const others = [...source.split("others[] = {")[1].split("};")[0].matchAll(/"([^"]*)"/g)].map(([, sample]) => [sample, false]);
	assert.ok(texts.filter(([, is]) => is).length >= 5 && others.length >= 10);
	for (const [sample, is] of [...texts, ...others]) assert.equal(isLegacy(sample), is, sample);
});

test("by the keyboard alone", async () => {
	const page = await open({}, "/c/demo/gui"), who = person();
	const tabTo = async (name) => {
		for (let i = 0; i < 60; i++) {
			if (await page.evaluate((wanted) => document.activeElement?.getAttribute("name") === wanted, name)) return;
			await page.keyboard.press("Tab");
		}
		assert.fail(`no way to ${name}`);
	};
	await tabTo("full_name");
	await page.keyboard.type(who.name);
	await tabTo("phone");
	await page.keyboard.type(who.phone);
	await page.keyboard.press("Tab");
	await page.waitForFunction(() => document.activeElement?.getAttribute("role") === "combobox");
	await page.keyboard.type("lixil");
	await page.getByRole("option", { name: /Lixil/ }).waitFor();
	await page.keyboard.press("ArrowDown");
	await page.keyboard.press("Enter");
	await page.waitForSelector(".levels .combo:nth-child(4)");
	await tabTo("block");
	await page.keyboard.press("Space");
	await tabTo("description");
	await page.keyboard.type(text());
	await page.keyboard.press("Tab");
	for (let i = 0; i < 30 && !(await page.evaluate(() => document.activeElement?.type === "submit")); i++) await page.keyboard.press("Tab");
	await page.keyboard.press("Enter");
	await verdict(page, "counted");
	assert.equal(await page.evaluate(() => document.activeElement.tagName), "H1");
	await done(page);
});

test("Bắc Giang is found by bac giang, a unit of a link that is none is said", async () => {
	const page = await open({}, "/c/demo/gui?unit=nowhere");
	await page.getByText("không có đơn vị này").waitFor();
	const box = page.getByRole("combobox", { name: /Tỉnh, thành phố/ });
	await box.fill("bac giang");
	await page.getByRole("option", { name: "Liên đoàn Lao động tỉnh Bắc Giang" }).click();
	await page.waitForSelector(".levels .combo:nth-child(2)");
	assert.equal(await page.getByRole("combobox").first().inputValue(), "Liên đoàn Lao động tỉnh Bắc Giang");
	await done(page);
});

test("Word's text is made plain before one's eyes, counted as the server counts, and never cut", async () => {
	const page = await openForm();
	const field = page.getByLabel("Mô tả sáng kiến");
	await field.evaluate((area) => {
		area.focus();
		area.value = "\uF0B7\tMột\u200B\r\n\u000BHai \u{1F468}\u200D\u{1F469}\u200D\u{1F467} e\u0301";
		area.dispatchEvent(new Event("input", { bubbles: true }));
		area.dispatchEvent(new Event("paste", { bubbles: true }));
	});
	await page.getByText("Đã làm gọn văn bản vừa dán").waitFor();
	assert.equal(await field.inputValue(), "• Một\n\nHai \u{1F468}\u200D\u{1F469}\u200D\u{1F467} é");
	assert.equal(await page.locator(".counter").textContent(), "14/2.000 ký tự");
	await field.fill("ă".repeat(2105));
	assert.equal(await page.locator(".counter").textContent(), "2.105/2.000 ký tự, dài quá 105");
	assert.equal((await field.inputValue()).length, 2105);
	await done(page);
});
