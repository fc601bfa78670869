/* Calls of the HTTP contract. What is refused is thrown as a Problem; what had no answer as one with status 0. */
import { language } from "./i18n.js";
import { heardServer } from "./clock.js";

export class Problem extends Error {
	constructor(status, body, retryAfter) {
		super(body?.title ?? "");
		this.status = status;
		this.code = body?.code ?? String(body?.type ?? "").split("/").pop();
		this.detail = body?.detail ?? "";
		this.errors = body?.errors ?? [];
		this.retryAfter = retryAfter;
	}
}

async function ask(path, options = {}, headers = {}) {
	let response;
	try {
		response = await fetch(path, { ...options, headers: { "Accept-Language": language, ...headers } });
	} catch (error) {
		if (error.name === "AbortError") throw error;
		throw new Problem(0, null, null);
	}
	const date = Date.parse(response.headers.get("Date"));
	if (!Number.isNaN(date)) heardServer(date, 1000);
	let body = null;
	try {
		body = await response.json();
	} catch (error) {
		if (error.name === "AbortError") throw error;
		if (response.ok) throw new Problem(0, null, null); /* cut off in the middle */
	}
	if (!response.ok) throw new Problem(response.status, body, Number(response.headers.get("Retry-After")) || null);
	if (body?.server_time) heardServer(Date.parse(body.server_time), 0);
	return body;
}

export const get = (path, signal) => ask(path, { signal });
export const post = (path, body, headers, signal) =>
	ask(path, { method: "POST", body, signal }, { "Content-Type": "application/json", ...headers });

const part = encodeURIComponent;
const query = (values) => {
	const given = Object.entries(values).filter(([, value]) => value !== null && value !== undefined && value !== "");
	return given.length ? `?${new URLSearchParams(given)}` : "";
};
export const paths = {
	campaigns: () => "/v1/campaigns",
	campaign: (code) => `/v1/campaigns/${part(code)}`,
	units: (code, values) => `/v1/campaigns/${part(code)}/units${query(values)}`,
	board: (code, values) => `/v1/campaigns/${part(code)}/board${query(values)}`,
	boardEvents: (code, values) => `/v1/campaigns/${part(code)}/board/events${query(values)}`,
	history: (code, values) => `/v1/campaigns/${part(code)}/history${query(values)}`,
	progress: (code, unit) => `/v1/campaigns/${part(code)}/units/${part(unit)}/progress`,
	submissions: (code) => `/v1/campaigns/${part(code)}/submissions`,
	similar: (code) => `/v1/campaigns/${part(code)}/similar`,
	status: (tracking) => `/v1/submissions/${part(tracking)}`,
	statusEvents: (tracking) => `/v1/submissions/${part(tracking)}/events`,
};

const campaigns = new Map();
const CAMPAIGN_FRESH_MS = 20000;
export async function campaignOf(code, signal, fresh = false) {
	const found = campaigns.get(`${language} ${code}`);
	if (found && !fresh && performance.now() - found.at < CAMPAIGN_FRESH_MS) return found.campaign;
	const campaign = await get(paths.campaign(code), signal);
	campaigns.set(`${language} ${code}`, { at: performance.now(), campaign });
	return campaign;
}
