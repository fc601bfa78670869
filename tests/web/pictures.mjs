/* The pictures of the help, made of the page itself as a phone shows it: they stand in build/page/pictures, and are taken over with
 * `make pictures` when the page has changed. Would catch: a step of the help that cannot be taken any more. R13. */
import { mkdirSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { SHOTS, UNIT, done, fill, open, openForm, send, verdict, visit } from "./browser.mjs";

const PHONE = { viewport: { width: 360, height: 640 }, deviceScaleFactor: 1, colorScheme: "light" };
const FOLDER = `${SHOTS}/pictures`;
mkdirSync(FOLDER, { recursive: true });

async function picture(page, name) {
	await page.evaluate(() => document.fonts.ready);
	const client = await page.context().newCDPSession(page);
	const { data } = await client.send("Page.captureScreenshot", { format: "webp", quality: 72 });
	writeFileSync(`${FOLDER}/${name}.webp`, Buffer.from(data, "base64"));
}

test("each step of the help, as a phone shows it", async () => {
	const page = await openForm(PHONE);
	await fill(page, { description: `Dùng xe đẩy có bánh xoay để chuyển khuôn, giảm một nửa thời gian chờ (mẫu ${Date.now()}).` });
	await page.evaluate(() => scrollTo(0, 0));
	await picture(page, "form");
	await send(page);
	await verdict(page, "counted");
	await picture(page, "receipt");
	const code = await page.locator(".receipt .code").textContent();
	await visit(page, `/tra-cuu/${code}`);
	await page.locator(".timeline").scrollIntoViewIfNeeded();
	await picture(page, "track");
	await visit(page, "/c/demo");
	await page.waitForSelector(".mark.live");
	await picture(page, "board");
	await visit(page, `/c/demo/to-roi/${UNIT}`);
	await page.locator(".poster").evaluate((poster) => poster.scrollIntoView({ block: "center" }));
	await picture(page, "poster");
	await done(page);
});

test("the poster opens the form with the unit chosen, and can be saved as a picture of lines", async () => {
	const page = await open({}, `/c/demo/to-roi/${UNIT}`);
	const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: "Tải tệp SVG" }).click()]);
	const path = await download.path();
	const { readFileSync } = await import("node:fs");
	const svg = readFileSync(path, "utf8");
	if (!/^<svg [^>]*xmlns="http:\/\/www.w3.org\/2000\/svg"/.test(svg) || !svg.includes("CĐCS Lixil")) throw new Error(svg.slice(0, 300));
	await page.locator(".poster-head").getByRole("link", { name: "Gửi sáng kiến" }).click();
	await page.waitForSelector(".levels .combo:nth-child(4)");
	await done(page);
});
