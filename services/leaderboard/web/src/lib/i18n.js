/* Words, numbers and times in the reader's language: Vietnamese unless they chose English. */
import vi from "../messages/vi.json";
import { keep, kept } from "./storage.js";

const LANGUAGES = ["vi", "en"];
const ZONE = "Asia/Ho_Chi_Minh";
let words = vi;
export let language = "vi";

export async function chooseLanguage() {
	const asked = new URLSearchParams(location.search).get("lang");
	if (LANGUAGES.includes(asked)) keep("language", asked);
	language = LANGUAGES.includes(asked) ? asked : kept("language", "vi");
	words = language === "en" ? (await import("../messages/en.json")).default : vi;
	document.documentElement.lang = language;
}

/* {name} in a text is replaced; a text that is missing shows its key, which the tests look for. */
export function t(key, values) {
	const text = words[key] ?? key;
	return values ? text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole) : text;
}
export const has = (key) => key in words;

const cache = new Map();
function format(kind, options) {
	const key = `${language} ${kind.name} ${JSON.stringify(options)}`;
	if (!cache.has(key)) cache.set(key, new kind(language === "en" ? "en-GB" : "vi-VN", options));
	return cache.get(key);
}
export const number = (value, digits = 0) =>
	format(Intl.NumberFormat, { maximumFractionDigits: digits }).format(value);
export const percent = (value) =>
	value === null || value === undefined ? "–" : `${number(value, 1)}%`;
const time = (options) => (instant) => format(Intl.DateTimeFormat, { timeZone: ZONE, ...options }).format(new Date(instant));
export const clockTime = time({ hour: "2-digit", minute: "2-digit", second: "2-digit" });
export const hourTime = time({ hour: "2-digit", minute: "2-digit" });
export const dayTime = time({ day: "2-digit", month: "2-digit", year: "numeric" });
export const shortDay = time({ day: "2-digit", month: "2-digit" });
export const minuteTime = time({ day: "2-digit", month: "2-digit", year: "numeric", hour: "2-digit", minute: "2-digit" });
export const fullTime = time({ day: "2-digit", month: "2-digit", year: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit" });

/* "3 ngày 04:05:06" of what is left. */
export function duration(ms) {
	const seconds = Math.max(0, Math.ceil(ms / 1000)), days = Math.floor(seconds / 86400);
	const two = (value) => String(value).padStart(2, "0");
	const rest = `${two(Math.floor(seconds / 3600) % 24)}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
	return days > 0 ? `${number(days)} ${t(days === 1 ? "time.day" : "time.days")} ${rest}` : rest;
}
