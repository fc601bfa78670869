/* The provinces as shapes for the page: of the package's outlines (@svg-maps/vietnam, CC BY 4.0) those points that a screen can show,
 * each shape with the unit codes it stands for. Hoàng Sa and Trường Sa are shapes of their own, of the provinces they belong to. */
import { readFileSync } from "node:fs";

const TOLERANCE = 0.35; /* of a view box 812 wide */
/* What the package calls otherwise than the tree of units, and the islands. */
const OTHER_NAMES = { hcm: "ho chi minh", baria: "ba ria - vung tau", tthue: "thua thien hue" };
const ISLANDS = {
	hoangsa: { name: "Quần đảo Hoàng Sa", of: "da nang" },
	truongsa: { name: "Quần đảo Trường Sa", of: "khanh hoa" },
};

const fold = (text) =>
	text.normalize("NFD").replace(/\p{M}/gu, "").replace(/[đĐ]/g, "d").toLowerCase();

/* Rings of absolute points; a curve is taken as its end, shorter than any line a screen would show. */
function ringsOf(path) {
	const rings = [];
	let command = "", x = 0, y = 0, ring = null;
	const words = path.match(/[a-zA-Z]|-?(?:\d+\.?\d*|\.\d+)/g);
	for (let at = 0; at < words.length;) {
		if (/[a-zA-Z]/.test(words[at])) {
			command = words[at++];
			if (command === "z" || command === "Z") {
				if (ring) [x, y] = ring[0];
				continue;
			}
		}
		const skip = command.toLowerCase() === "c" ? 4 : 0;
		const dx = Number(words[at + skip]), dy = Number(words[at + skip + 1]);
		at += skip + 2;
		const relative = command === command.toLowerCase();
		x = relative ? x + dx : dx;
		y = relative ? y + dy : dy;
		if (command === "m" || command === "M") {
			ring = [];
			rings.push(ring);
			command = command === "m" ? "l" : "L";
		}
		ring.push([x, y]);
	}
	return rings;
}

function distance([px, py], [ax, ay], [bx, by]) {
	const dx = bx - ax, dy = by - ay, length = dx * dx + dy * dy;
	const t = length === 0 ? 0 : Math.max(0, Math.min(1, ((px - ax) * dx + (py - ay) * dy) / length));
	return Math.hypot(px - ax - t * dx, py - ay - t * dy);
}

/* Ramer, Douglas, Peucker. */
function simplify(points) {
	let worst = 0, at = 0;
	for (let i = 1; i < points.length - 1; i++) {
		const d = distance(points[i], points[0], points.at(-1));
		if (d > worst) [worst, at] = [d, i];
	}
	if (worst <= TOLERANCE) return [points[0], points.at(-1)];
	return [...simplify(points.slice(0, at + 1)).slice(0, -1), ...simplify(points.slice(at))];
}

/* The package joins islets that lie far apart in one ring: each is an islet of its own. */
const JUMP = 4;
function islets(ring) {
	const found = [[ring[0]]];
	for (let i = 1; i < ring.length; i++) {
		const [x, y] = ring[i - 1];
		if (Math.hypot(ring[i][0] - x, ring[i][1] - y) > JUMP) found.push([]);
		found.at(-1).push(ring[i]);
	}
	return found;
}

const round = (value) => Math.round(value * 10) / 10;

/* Islets keep a size that can be seen: the islands must not vanish by rounding. */
function pathOf(rings, keepSmall) {
	let path = "";
	for (const ring of keepSmall ? rings.flatMap(islets) : rings) {
		let points = ring.length > 3 ? simplify([...ring, ring[0]]).slice(0, -1) : ring;
		if (points.length < 3) {
			if (!keepSmall) continue;
			points = [ring[0], [ring[0][0] + 0.8, ring[0][1]], [ring[0][0] + 0.4, ring[0][1] + 0.8]];
		}
		let [x, y] = points[0].map(round);
		path += `M${x} ${y}l`;
		path += points.slice(1).map(([px, py]) => {
			const step = [round(round(px) - x), round(round(py) - y)];
			[x, y] = [round(px), round(py)];
			return step.join(" ");
		}).join(" ") + "z";
	}
	return path;
}

const csv = (path) => readFileSync(path, "utf8").trim().split("\n").slice(1).map((line) => line.split(","));

/* Codes of each province in the order in which a board may have it: its own, then that of the one it was merged into. */
function codesOf(units) {
	const merged = new Map(csv(`${units}/provinces-2025.csv`).filter((row) => row[2]).map((row) => [row[1], row[2]]));
	const provinces = csv(`${units}/national.csv`).filter((row) => row[2] === "1" && /^\d\d$/.test(row[0]));
	return provinces.map(([code, name]) => ({
		name: name.replace(/^Liên đoàn Lao động (tỉnh|thành phố) /, ""),
		codes: merged.has(code) ? [code, merged.get(code)] : [code],
	}));
}

export function makeMap(map, units) {
	const provinces = new Map(codesOf(units).map((province) => [fold(province.name), province]));
	const shapes = map.locations.map(({ id, name, path }) => {
		const island = ISLANDS[id];
		const province = provinces.get(island ? island.of : OTHER_NAMES[id] ?? fold(name));
		if (!province) throw new Error(`no unit stands for the shape ${id}`);
		return { name: island ? `${island.name} (${province.name})` : province.name, codes: province.codes,
			island: Boolean(island), path: pathOf(ringsOf(path), Boolean(island)) };
	});
	if (shapes.length !== provinces.size + 2) throw new Error(`${shapes.length} shapes for ${provinces.size} provinces`);
	return { viewBox: map.viewBox, shapes };
}
