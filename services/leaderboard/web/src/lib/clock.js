/* The server's time. The device's clock may be wrong by a day: only its running is taken, never what it shows. */
let offset = null, certainty = Infinity;

/* `instant` as the server said it, known to `within` milliseconds. */
export function heardServer(instant, within) {
	if (within > certainty) return;
	offset = instant - performance.now();
	certainty = within;
}
export const serverNow = () => (offset === null ? Date.now() : offset + performance.now());

/* Calls every second, at once first, until the signal ends it. */
export function everySecond(signal, tick) {
	const timer = setInterval(tick, 1000);
	signal.addEventListener("abort", () => clearInterval(timer), { once: true });
	tick();
}
export function wait(ms, signal) {
	return new Promise((resolve) => {
		const timer = setTimeout(resolve, ms);
		signal?.addEventListener("abort", () => { clearTimeout(timer); resolve(); }, { once: true });
	});
}
