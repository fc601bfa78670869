/* One submission however often it is tapped or sent: its idempotency key is kept, with what was sent under it, until the server's
 * answer says what became of it. */
import { Problem, paths, post } from "./api.js";
import { forget, keepObject, keptObject } from "./storage.js";
import { wait } from "./clock.js";

const FIRST_WAIT_S = 2, LONGEST_WAIT_S = 60;
const place = (campaign) => `pending:${campaign}`;

export const pendingOf = (campaign) => keptObject(place(campaign));

function newKey() {
	return [...crypto.getRandomValues(new Uint8Array(16))].map((octet) => octet.toString(16).padStart(2, "0")).join("");
}

/* A key whose outcome is not known stays: what was changed since is sent under it too, and 409 tells that the first was kept. */
export function makePending(campaign, body) {
	const before = pendingOf(campaign);
	const pending = !before ? { key: newKey(), body } : before.body === body ? before : { key: before.key, body, earlier: before.body };
	keepObject(place(campaign), pending);
	return pending;
}

/* Again after a wait: no answer, too many, busy, too slow, or nobody knows. */
const AGAIN = new Set([0, 408, 429, 500, 502, 503, 504]);

/* Sends until there is an answer. `tell(state)`: {kind: "sending"} or {kind: "waiting", problem, seconds, now()}. Gives
 * {receipt, body}, or throws the Problem that is final. `controls.signal` leaves it; what is pending stays pending. */
export async function send(campaign, pending, tell, signal) {
	let next = FIRST_WAIT_S;
	for (;;) {
		tell({ kind: "sending" });
		try {
			const receipt = await post(paths.submissions(campaign), pending.body, { "Idempotency-Key": pending.key }, signal);
			forget(place(campaign));
			return { receipt, body: pending.body, earlier: pending.isEarlier === true };
		} catch (error) {
			if (signal.aborted || !(error instanceof Problem)) throw error;
			if (error.status === 409) {
				/* Kept before: its receipt, or with nothing of ours under this key another one. */
				const isEarlier = Boolean(pending.earlier);
				pending = isEarlier ? { key: pending.key, body: pending.earlier, isEarlier } : { key: newKey(), body: pending.body };
				keepObject(place(campaign), pending);
				continue;
			}
			if (!AGAIN.has(error.status)) {
				forget(place(campaign));
				throw error;
			}
			const seconds = Math.max(error.retryAfter ?? 0, next);
			next = Math.min(2 * next, LONGEST_WAIT_S);
			await pause(error, seconds, tell, signal);
			if (signal.aborted) throw error;
		}
	}
}

/* Ends early when the network comes back or the person asks for it. */
async function pause(problem, seconds, tell, signal) {
	const early = new AbortController();
	const now = () => early.abort();
	const leave = () => early.abort();
	signal.addEventListener("abort", leave, { once: true });
	addEventListener("online", now, { once: true });
	for (let left = Math.ceil(seconds); left > 0 && !early.signal.aborted; left--) {
		tell({ kind: "waiting", problem, seconds: left, now });
		await wait(1000, early.signal);
	}
	removeEventListener("online", now);
	signal.removeEventListener("abort", leave);
}
