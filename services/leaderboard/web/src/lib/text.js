/* Text as the server keeps and counts it (common/domain/text.c): what is shown as n/2000 is what the verdict goes by. */
const WORD_SIGNS = { 0xf020: " ", 0xf04a: "☺", 0xf04c: "☹", 0xf0df: "←", 0xf0e0: "→" };

/* Word's own signs, line ends and invisible marks in their plain forms. `changed` names what was put otherwise. */
export function cleanText(raw) {
	const changed = new Set();
	const say = (what, text) => { changed.add(what); return text; };
	const text = raw
		.replace(/\r\n/g, "\n")
		.replace(/[\r\v\u0085\u2028\u2029]/g, () => say("lines", "\n"))
		.replace(/\t/g, () => say("spaces", " "))
		.replace(/[\uFEFF\u200B]/g, () => say("invisible", ""))
		.replace(/[\uF000-\uF0FF]/g, (sign) => say("signs", WORD_SIGNS[sign.charCodeAt(0)] ?? "•"))
		.replace(/[\u0000-\u0008\u000C\u000E-\u001F\u007F-\u009F\uFDD0-\uFDEF\uFFFE\uFFFF]/g, () => say("controls", ""));
	return { text: text.normalize("NFC"), changed };
}

export const trimText = (text) => text.replace(/^[\s\u1680]+|[\s\u1680]+$/g, "");

const segmenter = typeof Intl.Segmenter === "function" ? new Intl.Segmenter("vi", { granularity: "grapheme" }) : null;

/* Extended grapheme clusters: what a person counts. */
export function characters(text) {
	if (/^[\n\x20-\x7E\u00C0-\u02FF\u1E00-\u1EFF]*$/.test(text)) return text.length;
	if (!segmenter) return [...text.replace(/\p{M}|\u200D[^]?/gu, "")].length;
	let count = 0;
	for (const _ of segmenter.segment(text)) count++;
	return count;
}

/* For search: "bac giang" finds Bắc Giang, "d" finds đ. */
export const fold = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").replace(/[đĐ]/g, "d").toLowerCase();
