/* Text of before Unicode, typed for a font of TCVN3 ("ABC") or VNI and pasted as if it were Latin: "công nhân" reads "c«ng nh©n" or
 * "coâng nhaân". The same signs as the server's (services/deduplication/legacy.c; tests/web holds both to the same texts). */
const FIRST = 0xa1, LAST = 0xff, SIGNS_LEAST = 2, KINDS_LEAST = 2, OTHER = 0x100, MODERN = 0x101;

/* What the letters of TCVN 5712:1993 VN3 from 0xA1 on stand for; a point: no letter. */
const TCVN3 = "aaeoouda" + "aeooud" + "......" + "aaaaa." + "aaaa" + "......." + "aaaaaa" + "e.eeee" + "eeeee" + "ii...iii" + "o.oooo" + "ooooo" + "ooooo" + "u.uuuu" + "uuuuu" + "yyyyy.";
const VOWELS = new Set([..."aeouyôö"].map((letter) => letter.codePointAt(0)));
const VNI_MARKS = new Set([..."âåäêëûüïø"].map((mark) => mark.codePointAt(0)));
/* Quotation marks, bullets and the copyright sign touch a word's end in any text. */
const AT_ENDS = new Set([0xa9, 0xab, 0xb7, 0xbb]);

const isUpper = (point) => point >= 0xc0 && point <= 0xde && point !== 0xd7;
const lower = (point) => ((point >= 0x41 && point <= 0x5a) || isUpper(point) ? point + 0x20 : point);
const isLetter = (point) => (lower(point) >= 0x61 && lower(point) <= 0x7a) || (point >= 0xc0 && point <= LAST && point !== 0xd7 && point !== 0xf7);
const isTcvn3Letter = (point) => TCVN3[point - FIRST] !== ".";
const isTcvn3Symbol = (point) => point >= FIRST && (point < 0xc0 || point === 0xd7) && isTcvn3Letter(point);
const isSmall = (point) => (point >= 0x61 && point <= 0x7a) || (point >= 0xdf && point <= LAST) || isTcvn3Symbol(point);

/* Beyond Latin-1 it only matters whether it is a letter that Unicode alone has. */
function seen(point) {
	if (point < 0x80 || (point >= 0x80 && point <= LAST)) return point;
	return (point >= 0x100 && point <= 0x1bf) || (point >= 0x1e80 && point <= 0x1eff) ? MODERN : OTHER;
}

function look(before, point, after, tcvn3, vni) {
	const joinsBefore = isLetter(before) || isTcvn3Symbol(before), joinsAfter = isLetter(after) || isTcvn3Symbol(after);
	if (isTcvn3Symbol(point) && (AT_ENDS.has(point) ? joinsBefore && joinsAfter : joinsBefore || joinsAfter)) tcvn3.push(point);
	if (isUpper(point) && isSmall(before) && isTcvn3Letter(point)) tcvn3.push(point);
	if (VOWELS.has(lower(before)) && VNI_MARKS.has(lower(point))) vni.push(lower(point));
	if (lower(point) === 0xf1 && isLetter(after)) vni.push(0xf1); /* ñ, which is đ */
}

export function isLegacy(text) {
	const points = [0, ...[...text.normalize("NFC")].map((letter) => seen(letter.codePointAt(0))), 0];
	const tcvn3 = [], vni = [];
	for (let i = 1; i < points.length - 1; i++) look(points[i - 1], points[i], points[i + 1], tcvn3, vni);
	const most = tcvn3.length >= vni.length ? tcvn3 : vni;
	return most.length >= SIGNS_LEAST && new Set(most).size >= KINDS_LEAST && most.length > points.filter((point) => point === MODERN).length;
}
