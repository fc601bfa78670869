/* What the tests of the page share: one browser, pages that report what goes wrong in them, and a person who fills in the form.
 * Nothing here waits for a time: it waits for what is to be seen, and long enough for a machine that is busy. */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";

const modules = resolve(process.env.PAGE_MODULES);
export const require = createRequire(join(modules, "here.js"));
const { chromium } = require("playwright-core");

export const BASE = `http://${process.env.PAGE_ADDRESS}`;
export const OPS = `http://${process.env.PAGE_OPS}`; /* the operators' page */
export const SHOTS = resolve(process.env.PAGE_SHOTS);
export const SOURCES = new URL("../../services/leaderboard/web/", import.meta.url);
export const messages = (language) => JSON.parse(readFileSync(new URL(`src/messages/${language}.json`, SOURCES), "utf8"));
export const WAIT_MS = 45000;
mkdirSync(SHOTS, { recursive: true });

let browser = null;
export async function open({ base = BASE, ...options } = {}, path = null, ready = true) {
	browser ??= await chromium.launch({ executablePath: process.env.PAGE_CHROMIUM, args: ["--no-sandbox", "--disable-dev-shm-usage"] });
	const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, reducedMotion: "reduce", locale: "vi-VN", ...options });
	context.setDefaultTimeout(WAIT_MS);
	const page = await context.newPage();
	page.faults = [];
	page.on("pageerror", (error) => page.faults.push(error.stack));
	page.on("console", (message) => { if (/Content Security Policy|TrustedHTML/.test(message.text())) page.faults.push(message.text()); });
	page.base = base;
	if (path) await visit(page, path, ready);
	return page;
}
export async function close() {
	await browser?.close();
}
export async function visit(page, path, ready = true) {
	await page.goto(page.base + path);
	if (ready) await page.waitForSelector("[data-ready]");
}
export async function done(page) {
	assert.deepEqual(page.faults, []);
	await page.context().close();
}

let people = 0;
export function person() {
	people++;
	const digits = String((Date.now() % 10000000) * 10 + (people % 10)).padStart(8, "0");
	return { name: "Nguyễn Thị Lan", phone: `09${digits}` };
}
const LETTERS = "abcdefghiklmnopqrstuvxy";
const word = () => Array.from({ length: 4 }, () => LETTERS[Math.floor(Math.random() * LETTERS.length)]).join("");
/* Like no other that was ever sent. */
export const text = () => Array.from({ length: 24 }, word).join(" ");

export const UNIT = "01.018.LIXIL";
export async function fill(page, { description = text(), who = person() } = {}) {
	await page.getByLabel("Họ và tên").fill(who.name);
	await page.getByLabel("Số điện thoại").fill(who.phone);
	await page.getByRole("radio", { name: "Doanh nghiệp" }).check();
	await page.getByLabel("Mô tả sáng kiến").fill(description);
	return { description, who };
}
export const openForm = async (options = {}, path = `/c/demo/gui?unit=${UNIT}`) => {
	const page = await open(options, path);
	await page.waitForSelector(".levels .combo:nth-child(4)"); /* the unit of the link is chosen */
	return page;
};
export const send = (page) => page.getByRole("button", { name: "Gửi sáng kiến" }).click();
export const verdict = (page, status) => page.waitForSelector(`.receipt [data-status="${status}"]`);
export async function api(path, options) {
	const response = await fetch(BASE + path, options);
	return response.json();
}
/* A figure on the page that has become larger. */
export const grown = (page, selector, before) =>
	page.waitForFunction(([where, least]) => Number(document.querySelector(where)?.textContent.replace(/\D/g, "")) > least, [selector, before]);
export const figure = async (page, selector) => Number((await page.locator(selector).textContent()).replace(/\D/g, ""));
