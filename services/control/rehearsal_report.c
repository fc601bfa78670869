#include "services/control/rehearsal_report.h"

#include "common/runtime/buffer.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { UNITS_SHOWN_MAX = 20 };

static void print_moves(const struct rehearsal *rehearsal)
{
	for (int from = 0; from < REHEARSAL_STATUSES; from++)
		for (int to = 0; to < REHEARSAL_STATUSES; to++)
			if (rehearsal->moves[from][to] > 0 && from != to)
				printf("  %s -> %s: %" PRIu64 "\n", status_name((enum submission_status)from),
					status_name((enum submission_status)to), rehearsal->moves[from][to]);
	if (rehearsal->phases > 0)
		printf("  another phase: %" PRIu64 "\n", rehearsal->phases);
}

static void print_tables(const struct rehearsal *rehearsal)
{
	if (rehearsal->reason_count > 0)
		printf("%-40s %12s %12s\n", "reason", "arises", "falls away");
	for (size_t i = 0; i < rehearsal->reason_count; i++)
		printf("%-40s %12" PRIu64 " %12" PRIu64 "\n", rehearsal->reasons[i].words, rehearsal->reasons[i].arises,
			rehearsal->reasons[i].falls_away);
	if (rehearsal->unit_count > 0)
		printf("%-40s %12s %12s %12s\n", "unit", "would change", "counted +", "counted -");
	for (size_t i = 0; i < rehearsal->unit_count && i < UNITS_SHOWN_MAX; i++) {
		const struct rehearsed_unit *unit = &rehearsal->by_unit[i];
		printf("%-40s %12" PRIu64 " %12" PRIu64 " %12" PRIu64 "\n",
			unit_by_id(rehearsal->units, unit->unit)->code, unit->changed, unit->counted_more,
			unit->counted_less);
	}
	if (rehearsal->unit_count > UNITS_SHOWN_MAX)
		printf("… and %zu more units (--json has all)\n", rehearsal->unit_count - UNITS_SHOWN_MAX);
}

void rehearsal_print(struct rehearsal *rehearsal, uint64_t undecided)
{
	rehearsal_sort(rehearsal);
	printf("%s: nothing written; of %" PRIu64 " decided %" PRIu64 " would be decided otherwise\n",
		rehearsal->campaign->code, rehearsal->looked_at, rehearsal->changed);
	print_moves(rehearsal);
	print_tables(rehearsal);
	if (rehearsal->other_words > 0)
		printf("%" PRIu64 " would be refused for other reasons than they were\n", rehearsal->other_words);
	if (rehearsal->by_person > 0)
		printf("%" PRIu64 " stand by a person's decision\n", rehearsal->by_person);
	if (undecided > 0)
		printf("%" PRIu64 " have no decision yet and will be judged by the rules in force then\n", undecided);
	if (rehearsal->not_compared > 0)
		printf("%" PRIu64 " of them were refused, and so never compared with others: copies may be among "
		       "them\n",
			rehearsal->not_compared);
	puts("Copies are taken as recorded, by their scores, within the new bounds; texts are not compared again.");
}

static void add_moves(const struct rehearsal *rehearsal, struct buffer *out)
{
	const char *comma = "";

	buffer_text(out, "\"moves\":[");
	for (int from = 0; from < REHEARSAL_STATUSES; from++)
		for (int to = 0; to < REHEARSAL_STATUSES; to++) {
			if (rehearsal->moves[from][to] == 0 || from == to)
				continue;
			buffer_format(out, "%s{\"from\":\"%s\",\"to\":\"%s\",\"count\":%" PRIu64 "}", comma,
				status_name((enum submission_status)from), status_name((enum submission_status)to),
				rehearsal->moves[from][to]);
			comma = ",";
		}
	buffer_text(out, "]");
}

static void add_reasons(const struct rehearsal *rehearsal, struct buffer *out)
{
	buffer_text(out, ",\"reasons\":[");
	for (size_t i = 0; i < rehearsal->reason_count; i++) {
		const struct rehearsed_reason *reason = &rehearsal->reasons[i];
		const char *space = strchr(reason->words, ' ');
		int size = (int)(space == NULL ? strlen(reason->words) : (size_t)(space - reason->words));

		buffer_format(out,
			"%s{\"code\":\"%.*s\",\"field\":\"%s\",\"arises\":%" PRIu64 ",\"falls_away\":%" PRIu64 "}",
			i == 0 ? "" : ",", size, reason->words, space == NULL ? "" : space + 1, reason->arises,
			reason->falls_away);
	}
	buffer_text(out, "]");
}

static void add_units(const struct rehearsal *rehearsal, struct buffer *out)
{
	buffer_text(out, ",\"units\":[");
	for (size_t i = 0; i < rehearsal->unit_count; i++) {
		const struct rehearsed_unit *unit = &rehearsal->by_unit[i];

		buffer_text(out, i == 0 ? "{\"unit\":" : ",{\"unit\":");
		buffer_json_text(out, unit_by_id(rehearsal->units, unit->unit)->code);
		buffer_format(out,
			",\"would_change\":%" PRIu64 ",\"counted_more\":%" PRIu64 ",\"counted_less\":%" PRIu64 "}",
			unit->changed, unit->counted_more, unit->counted_less);
	}
	buffer_text(out, "]");
}

void rehearsal_print_json(struct rehearsal *rehearsal, uint64_t undecided)
{
	struct buffer out CLEANUP(buffer_deinit) = {0};

	rehearsal_sort(rehearsal);
	buffer_text(&out, "{\"campaign\":");
	buffer_json_text(&out, rehearsal->campaign->code);
	buffer_format(&out,
		",\"looked_at\":%" PRIu64 ",\"would_change\":%" PRIu64 ",\"other_phase\":%" PRIu64
		",\"refused_for_other_reasons\":%" PRIu64 ",\"by_person\":%" PRIu64 ",\"undecided\":%" PRIu64
		",\"not_compared\":%" PRIu64 ",\"copies\":\"as_recorded\",",
		rehearsal->looked_at, rehearsal->changed, rehearsal->phases, rehearsal->other_words,
		rehearsal->by_person, undecided, rehearsal->not_compared);
	add_moves(rehearsal, &out);
	add_reasons(rehearsal, &out);
	add_units(rehearsal, &out);
	printf("%.*s}\n", (int)out.size, (const char *)out.data);
}
