/* Prometheus text into figures of the operators' page. Pure. No figure is made of anything but what /metrics says. */

/* {name, labels: {…}, value} of each sample. */
export function readSamples(text) {
	const samples = [];
	for (const line of text.split("\n")) {
		const match = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line);
		if (!match) continue;
		const labels = {};
		for (const [, name, value] of (match[2] ?? "").matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)) labels[name] = value;
		samples.push({ name: match[1], labels, value: Number(match[3]) });
	}
	return samples;
}

const QUEUES = /_(edge_depth_items|held_batches)$/, HANDLED = /_(received_items|http_requests)_total$/, OLDEST = /_edge_oldest_ms$/;
const POISON = /_(poison|poison_items|malformed|malformed_frames)_total$/;

const sum = (samples, is) => samples.reduce((all, one) => (is(one) ? all + one.value : all), 0);
const most = (samples, is) => samples.reduce((all, one) => (is(one) ? Math.max(all, one.value) : all), 0);
const named = (name) => (one) => one.name === name;

/* What one instance says; null where it is away. */
export function figuresOf({ instance, service, metrics }) {
	if (metrics === null) return { instance, service, away: true, samples: [] };
	const samples = readSamples(metrics);
	return {
		instance, service, samples, away: false,
		ready: sum(samples, named("sangkien_ready")) === 1,
		startedAt: 1000 * sum(samples, named("process_start_time_seconds")),
		version: samples.find(named("sangkien_build_info"))?.labels.version ?? "",
		memory: sum(samples, named("process_resident_memory_bytes")),
		waiting: sum(samples, (one) => QUEUES.test(one.name)),
		oldestMs: most(samples, (one) => OLDEST.test(one.name)),
		handled: sum(samples, (one) => HANDLED.test(one.name)),
		accepted: sum(samples, named("sangkien_intake_accepted_submissions_total")),
		decided: sum(samples, named("sangkien_quota_submissions_decided_total")),
		errors: sum(samples, (one) => POISON.test(one.name) || (HANDLED.test(one.name) && one.labels.class === "5xx")),
	};
}

/* What the whole says; null where none of those that would know is there. */
export function wholeOf(instances) {
	const of = (service) => instances.filter((one) => one.service === service && !one.away);
	const all = (list) => list.flatMap((one) => one.samples);
	const quotas = of("quota"), intakes = of("intake"), samples = all(quotas);
	const auditor = quotas.find((one) => sum(one.samples, named("sangkien_quota_auditor_epoch")) > 0);
	const audit = (what) => {
		const is = (name) => (one) => one.name === name && one.labels.what === what;
		if (!auditor || sum(auditor.samples, is("sangkien_quota_audit_passes_total")) === 0) return null;
		return sum(auditor.samples, is("sangkien_quota_audit_age_seconds"));
	};
	const known = (list, value) => (list.length === 0 ? null : value);
	const pending = all(intakes);
	return {
		pending: known(intakes, sum(pending, named("sangkien_intake_pending_submissions"))),
		pendingOldest: known(intakes, most(pending, named("sangkien_intake_pending_oldest_seconds"))),
		quarantined: known(intakes, sum(pending, named("sangkien_intake_quarantined_submissions_total"))),
		boardAge: known(quotas, most(samples, named("sangkien_quota_board_age_seconds"))),
		boardBehind: known(quotas, most(samples, named("sangkien_quota_board_behind_versions"))),
		drift: known(quotas, sum(samples, named("sangkien_quota_audit_drift_rows"))),
		driftFound: known(quotas, sum(samples, named("sangkien_quota_audit_drift_found_rows_total"))),
		checks: checksOf(samples),
		auditBoards: audit("boards"), auditRecount: audit("recount"),
		errors: instances.reduce((total, one) => total + (one.errors ?? 0), 0),
	};
}

/* Rows that were wrong, by what was looked at: now, and since the start. */
function checksOf(samples) {
	const checks = new Map();
	for (const { name, labels, value } of samples) {
		const is = { sangkien_quota_audit_drift_rows: "now", sangkien_quota_audit_drift_found_rows_total: "found" }[name];
		if (!is) continue;
		const check = checks.get(labels.check) ?? { check: labels.check, now: 0, found: 0 };
		check[is] += value;
		checks.set(labels.check, check);
	}
	return [...checks.values()];
}

const OVER_MS = 10000;

/* How much a counter grew a second, over the last ten seconds. One that began anew has grown by what it shows. */
export function Rate() {
	let seen = [];
	return (at, value) => {
		seen = [...seen.filter((one) => at - one.at <= OVER_MS), { at, value }];
		const [first] = seen;
		if (at <= first.at) return null;
		let grown = 0;
		for (let i = 1; i < seen.length; i++) grown += seen[i].value >= seen[i - 1].value ? seen[i].value - seen[i - 1].value : seen[i].value;
		return (1000 * grown) / (at - first.at);
	};
}
