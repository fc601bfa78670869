/* Tracking codes as people type them (common/domain/tracking_code.c): the check character tells a typing error before anyone is asked. */
const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const SYMBOLS = 27, FIRST_SYMBOL_MAX = 7;

function timesAlpha(value) {
	const shifted = value << 1;
	return shifted & 0x20 ? shifted ^ 0x25 : shifted;
}
function times(a, b) {
	let product = 0;
	for (; b; b >>= 1, a = timesAlpha(a)) if (b & 1) product ^= a;
	return product;
}

/* The code in its written form, or null with what is wrong: "incomplete", "letters" or "typing". */
export function readTrackingCode(text) {
	const letters = text.toUpperCase().replace(/[\s\-\u2010-\u2015]/g, "").replace(/O/g, "0").replace(/[IL]/g, "1");
	const symbols = [...letters].map((letter) => ALPHABET.indexOf(letter));
	if (symbols.includes(-1)) return { code: null, fault: "letters" };
	if (symbols.length < SYMBOLS) return { code: null, fault: "incomplete" };
	let sum = 0, weight = 1;
	for (const symbol of symbols) {
		weight = timesAlpha(weight);
		sum ^= times(symbol, weight);
	}
	if (symbols.length > SYMBOLS || symbols[0] > FIRST_SYMBOL_MAX || sum !== 0) return { code: null, fault: "typing" };
	return { code: letters.match(/.{1,5}/g).join("-"), fault: null };
}
