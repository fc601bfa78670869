/* Elements from data. Text is only ever set as text: what people wrote stays inert, whatever it holds. */
const SVG = "http://www.w3.org/2000/svg";

function give(element, attributes, children) {
	for (const [name, value] of Object.entries(attributes ?? {})) {
		if (value === undefined || value === null || value === false) continue;
		if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
		else if (name === "style") for (const [key, text] of Object.entries(value)) element.style.setProperty(key, text);
		else if (name === "value" || name === "checked" || name === "indeterminate") element[name] = value;
		else element.setAttribute(name, value === true ? "" : value);
	}
	element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
	return element;
}

export const h = (tag, attributes, ...children) => give(document.createElement(tag), attributes, children);
export const s = (tag, attributes, ...children) => give(document.createElementNS(SVG, tag), attributes, children);

let last = 0;
export const uniqueId = (prefix) => `${prefix}-${++last}`;

/* Text that changes often, and the tree only where it differs. */
export function setText(element, text) {
	if (element.textContent !== text) element.textContent = text;
}

export const wantsLessMotion = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

const ICONS = {
	board: "M4 20V10m5.3 10V4m5.4 16v-7M20 20V8",
	pen: "M4 20l1-4L16.5 4.5a2.1 2.1 0 0 1 3 3L8 19z M14 7l3 3",
	search: "M10.5 4a6.5 6.5 0 1 1 0 13 6.5 6.5 0 0 1 0-13z M15.3 15.3 20 20",
	help: "M12 3a9 9 0 1 1 0 18 9 9 0 0 1 0-18z M9.4 9.3a2.7 2.7 0 1 1 3.9 2.6c-.9.4-1.3 1-1.3 2 M12 17.2v.1",
	check: "M5 12.5l4.5 4.5L19 7.5",
	warn: "M12 4 2.8 19.5h18.4z M12 10v4.5 M12 17v.1",
	clock: "M12 3a9 9 0 1 1 0 18 9 9 0 0 1 0-18z M12 7v5l3.5 2",
	copy: "M9 9h10v11H9z M5 15V4h10",
	print: "M7 9V4h10v5 M7 17H4V9h16v8h-3 M7 14h10v6H7z",
	wall: "M3 5h18v11H3z M8 20h8 M12 16v4",
	link: "M10 14a4 4 0 0 0 5.7 0l3-3A4 4 0 0 0 13 5.3l-1 1 M14 10a4 4 0 0 0-5.7 0l-3 3A4 4 0 0 0 11 18.7l1-1",
	next: "M9 5l7 7-7 7",
	close: "M6 6l12 12M18 6 6 18",
	sun: "M12 8a4 4 0 1 1 0 8 4 4 0 0 1 0-8z M12 2.5v2M12 19.5v2M2.5 12h2M19.5 12h2M5.3 5.3l1.4 1.4M17.3 17.3l1.4 1.4M18.7 5.3l-1.4 1.4M6.7 17.3l-1.4 1.4",
	moon: "M20 14.5A8.5 8.5 0 0 1 9.5 4 8.5 8.5 0 1 0 20 14.5z",
	qr: "M4 4h6v6H4z M14 4h6v6h-6z M4 14h6v6H4z M14 14h2.5v2.5H14z M20 14v6h-6",
	pulse: "M3 12h4l2.5-7 5 14 2.5-7h4",
	people: "M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7z M2.5 20c.4-3.6 3-5.5 6.5-5.5s6.1 1.9 6.5 5.5 M16 4.5a3.5 3.5 0 0 1 0 6.5 M18 14.8c2 .6 3.3 2.3 3.5 5.2",
};
export const icon = (name, extra) => s("svg", { class: `icon ${extra ?? ""}`, viewBox: "0 0 24 24", "aria-hidden": "true" },
	s("path", { d: ICONS[name] }));
