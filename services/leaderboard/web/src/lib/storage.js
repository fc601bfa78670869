/* What stays on this device. Storage may be switched off or full: then nothing is kept, and the page works all the same. */
export function kept(key, otherwise = null) {
	try {
		const text = localStorage.getItem(key);
		return text === null ? otherwise : text;
	} catch {
		return otherwise;
	}
}
export function keep(key, text) {
	try {
		localStorage.setItem(key, text);
		return true;
	} catch {
		return false;
	}
}
export function forget(key) {
	try {
		localStorage.removeItem(key);
	} catch { /* it was never kept */ }
}
export function keptObject(key) {
	try {
		return JSON.parse(kept(key, "null"));
	} catch {
		return null;
	}
}
export const keepObject = (key, value) => keep(key, JSON.stringify(value));
