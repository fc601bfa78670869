/* The mark: a lamp with the star in it. */
import { s } from "../lib/dom.js";

export function BrandMark() {
	return s("svg", { class: "brand-mark", viewBox: "0 0 32 32", "aria-hidden": "true" },
		s("rect", { width: 32, height: 32, rx: 8, class: "brand-ground" }),
		s("path", { class: "brand-lamp", d: "M16 5.5a7.6 7.6 0 0 0-4.4 13.8c.9.7 1.4 1.6 1.4 2.6v.6h6v-.6c0-1 .5-1.9 1.4-2.6A7.6 7.6 0 0 0 16 5.5z" }),
		s("path", { class: "brand-star", d: "m16 8.6 1.2 2.6 2.8.3-2.1 1.9.6 2.8-2.5-1.4-2.5 1.4.6-2.8-2.1-1.9 2.8-.3z" }),
		s("path", { class: "brand-foot", d: "M13.2 24.4h5.6M14.4 26.9h3.2" }));
}
