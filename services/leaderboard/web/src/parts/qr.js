/* A QR code as an SVG path of dark squares; always dark on white, or no camera reads it. */
import qrcode from "qrcode-generator";
import { s } from "../lib/dom.js";

const QUIET = 4;

export function qrCode(text, label) {
	const code = qrcode(0, "M");
	code.addData(text);
	code.make();
	const count = code.getModuleCount(), size = count + 2 * QUIET;
	let path = "";
	for (let row = 0; row < count; row++)
		for (let column = 0; column < count; column++)
			if (code.isDark(row, column)) path += `M${column + QUIET} ${row + QUIET}h1v1h-1z`;
	return s("svg", { class: "qr", viewBox: `0 0 ${size} ${size}`, role: "img", "aria-label": label, "shape-rendering": "crispEdges" },
		s("rect", { width: size, height: size, fill: "#ffffff" }), s("path", { d: path, fill: "#000000" }));
}
