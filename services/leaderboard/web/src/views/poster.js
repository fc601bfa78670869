/* A poster of the unit: its QR opens the form with the unit chosen. An SVG to save, or a page to print. */
import { h, icon, s } from "../lib/dom.js";
import { campaignOf, get, paths } from "../lib/api.js";
import { minuteTime, t } from "../lib/i18n.js";
import { qrCode } from "../parts/qr.js";

const WIDTH = 794, HEIGHT = 1123; /* A4 at 96 dots an inch */
const FONT = "'Be Vietnam Pro', 'Segoe UI', Roboto, 'Noto Sans', sans-serif";

/* Words in lines of at most `most` letters. */
function linesOf(text, most) {
	const lines = [""];
	for (const word of text.split(/\s+/)) {
		if (lines.at(-1) !== "" && lines.at(-1).length + word.length >= most) lines.push("");
		lines[lines.length - 1] = `${lines.at(-1)} ${word}`.trim();
	}
	return lines;
}

function words(text, { y, size, most, weight = 400, fill = "#101a33" }) {
	const lines = linesOf(text, most);
	return { end: y + lines.length * size * 1.3, elements: lines.map((line, i) => s("text", { x: WIDTH / 2, y: y + i * size * 1.3, "text-anchor": "middle", "font-size": size, "font-weight": weight, fill }, line)) };
}

function drawPoster(campaign, unit, address) {
	const title = words(t("poster.scan"), { y: 130, size: 52, most: 26, weight: 600, fill: "#ffffff" });
	const name = words(campaign.name, { y: 300, size: 28, most: 46, weight: 600, fill: "#1b3a8f" });
	const qr = qrCode(address, address), side = 420, top = name.end + 10;
	for (const [key, value] of Object.entries({ x: (WIDTH - side) / 2, y: top, width: side, height: side })) qr.setAttribute(key, value);
	const at = words(unit.name, { y: top + side + 62, size: 36, most: 34, weight: 600 });
	const how = words(t("poster.how"), { y: at.end + 16, size: 24, most: 52, fill: "#526079" });
	const link = words(address.replace(/^https?:\/\//, ""), { y: how.end + 14, size: 20, most: 60, fill: "#1b3a8f" });
	const until = words(t("poster.until", { at: minuteTime(campaign.closes_at) }), { y: HEIGHT - 40, size: 20, most: 60, fill: "#526079" });
	return s("svg", { class: "poster", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, "font-family": FONT, role: "img", "aria-label": `${t("poster.scan")}: ${unit.name}` },
		s("rect", { width: WIDTH, height: HEIGHT, fill: "#ffffff" }), s("rect", { width: WIDTH, height: 220, fill: "#1b3a8f" }), s("rect", { y: 220, width: WIDTH, height: 8, fill: "#ffc83d" }),
		title.elements, name.elements, qr, at.elements, how.elements, link.elements, until.elements);
}

export async function show(root, { campaign: code, unit: unitCode, signal, setTitle }) {
	const [campaign, line] = await Promise.all([campaignOf(code, signal), get(paths.units(code, { line: unitCode }), signal).then(({ units }) => units)]);
	const unit = line.at(-1), path = `/c/${encodeURIComponent(code)}/gui?unit=${encodeURIComponent(unitCode)}`;
	const poster = drawPoster(campaign, unit, `${location.origin}${path}`);
	const save = h("a", { class: "button", download: `sang-kien-${unitCode}.svg` }, icon("copy"), t("poster.save"));
	/* Made when it is asked for: the address of a blob lives as long as the page. */
	save.href = "#";
	save.addEventListener("click", () => {
		const address = URL.createObjectURL(new Blob([new XMLSerializer().serializeToString(poster)], { type: "image/svg+xml" }));
		save.href = address;
		setTimeout(() => URL.revokeObjectURL(address), 60000);
	});
	setTitle(`${t("poster.title")}: ${unit.name}`);
	root.replaceChildren(h("header", { class: "board-head poster-head" }, h("div", null, h("h1", null, t("poster.title")), h("p", { class: "lead" }, unit.name)),
		h("p", { class: "actions" }, h("button", { class: "button primary", type: "button", onclick: () => print() }, icon("print"), t("poster.print")), save,
			h("a", { class: "button", href: path }, icon("pen"), t("nav.submit")))), h("figure", { class: "poster-frame" }, poster));
}
