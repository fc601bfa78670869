#include "services/control/audit_report.h"

#include <inttypes.h>
#include <stdio.h>

void audit_report_deinit(struct audit_report *report)
{
	buffer_deinit(&report->campaigns_text);
	buffer_deinit(&report->campaigns_json);
	buffer_deinit(&report->boards_text);
	buffer_deinit(&report->boards_json);
}

void audit_report_check(struct audit_report *report, const char *name, const char *meaning)
{
	assert(report->check_count < AUDIT_CHECKS_MAX);
	report->checks[report->check_count++] = (struct audited){.name = name, .meaning = meaning};
}

void audit_report_drift(struct audit_report *report, const struct drift *drift)
{
	assert(report->check_count > 0);
	report->checks[report->check_count - 1].drifts++;
	if (report->row_count == DRIFT_ROWS_MAX)
		return;
	report->row_check[report->row_count] = (uint8_t)(report->check_count - 1);
	report->rows[report->row_count++] = *drift;
}

void audit_report_more(struct audit_report *report, uint64_t drifts)
{
	report->checks[report->check_count - 1].drifts += drifts;
}

uint64_t audit_report_drifts(const struct audit_report *report)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < report->check_count; i++)
		sum += report->checks[i].drifts;
	return sum;
}

static void print_rows_text(const struct audit_report *report, size_t check)
{
	uint64_t printed = 0;

	for (size_t i = 0; i < report->row_count; i++) {
		const struct drift *row = &report->rows[i];
		if (report->row_check[i] != check)
			continue;
		printed++;
		printf("      %s %s phase %d %s: expected %" PRId64 ", found %" PRId64 "\n", row->campaign, row->unit,
			row->phase, row->what, row->expected, row->found);
	}
	if (printed < report->checks[check].drifts)
		printf("      and %" PRIu64 " more\n", report->checks[check].drifts - printed);
}

static void print_buffer(const struct buffer *text)
{
	fwrite(text->data, 1, text->size, stdout);
}

static void print_text(const struct audit_report *report)
{
	uint64_t drifts = audit_report_drifts(report);

	print_buffer(&report->campaigns_text);
	print_buffer(&report->boards_text);
	for (size_t i = 0; i < report->check_count; i++) {
		const struct audited *check = &report->checks[i];
		printf("%-5s %-14s %s\n", check->drifts == 0 ? "ok" : "DRIFT", check->name, check->meaning);
		print_rows_text(report, i);
	}
	printf("log of reviews: %" PRIu64 " rows, head %s\n", report->log_rows, report->log_head);
	if (report->redis_away)
		puts("Redis does not answer: its boards were not compared");
	printf(drifts == 0 ? "zero drift\n" : "drift in %" PRIu64 " places\n", drifts);
}

static void add_row_json(struct buffer *out, const struct audit_report *report, size_t i)
{
	const struct drift *row = &report->rows[i];

	buffer_text(out, i == 0 ? "{\"check\":" : ",{\"check\":");
	buffer_json_text(out, report->checks[report->row_check[i]].name);
	buffer_text(out, ",\"campaign\":");
	buffer_json_text(out, row->campaign);
	buffer_text(out, ",\"unit\":");
	buffer_json_text(out, row->unit);
	buffer_text(out, ",\"what\":");
	buffer_json_text(out, row->what);
	buffer_format(out, ",\"phase\":%d,\"expected\":%" PRId64 ",\"found\":%" PRId64 "}", row->phase, row->expected,
		row->found);
}

static void print_json(const struct audit_report *report)
{
	struct buffer out CLEANUP(buffer_deinit) = {0};

	buffer_format(&out, "{\"drift\":%" PRIu64 ",\"redis\":%s,\"checks\":[", audit_report_drifts(report),
		report->redis_away ? "false" : "true");
	for (size_t i = 0; i < report->check_count; i++)
		buffer_format(&out, "%s{\"name\":\"%s\",\"drift\":%" PRIu64 "}", i == 0 ? "" : ",",
			report->checks[i].name, report->checks[i].drifts);
	buffer_format(&out, "],\"log\":{\"rows\":%" PRIu64 ",\"head\":\"%s\"}", report->log_rows, report->log_head);
	buffer_text(&out, ",\"rows\":[");
	for (size_t i = 0; i < report->row_count; i++)
		add_row_json(&out, report, i);
	buffer_text(&out, "],\"campaigns\":[");
	buffer_add(&out, report->campaigns_json.data, report->campaigns_json.size);
	buffer_text(&out, "],\"boards\":[");
	buffer_add(&out, report->boards_json.data, report->boards_json.size);
	buffer_text(&out, "]}\n");
	print_buffer(&out);
}

void audit_report_print(const struct audit_report *report, bool json)
{
	if (json)
		print_json(report);
	else
		print_text(report);
}
