/* The codes of what was sent from this device: no more than the code, the campaign and the instant. */
import { keepObject, keptObject } from "../lib/storage.js";

const PLACE = "receipts", KEPT_MAX = 20;

export const receiptsKept = () => keptObject(PLACE) ?? [];

export function rememberReceipt({ tracking_code: code, received_at: at }, campaign) {
	const others = receiptsKept().filter((one) => one.code !== code);
	keepObject(PLACE, [{ code, campaign, at }, ...others].slice(0, KEPT_MAX));
}
