#include "services/notification/notice.h"

#include "common/domain/tracking_code.h"
#include "common/runtime/clock.h"
#include "services/notification/short_text.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <yajl/yajl_tree.h>

enum {
	ARENA_BYTES_MAX = 1 << 20,
	TEXT_BYTES_MAX = 1 << 16,
	REASON_BYTES_MAX = 160,
	PHONE_BYTES_MAX = 16, /* E.164: a plus sign and 15 digits */
	VIETNAM_PREFIX = 3,   /* "+84" */
	LAGGARDS_MAX = 50,
};

/* One notice being worded. */
struct wording {
	struct notice *notice;
	const struct templates *templates;
	const struct reference_campaign *campaign;
	const struct outbox_row *row;
	yajl_val facts; /* NULL: a submission's */
};

bool notice_init(struct notice *notice)
{
	*notice = (struct notice){.subject.limit = TEXT_BYTES_MAX,
		.text.limit = TEXT_BYTES_MAX,
		.brief.limit = TEXT_BYTES_MAX,
		.arena = arena_new(ARENA_BYTES_MAX)};
	return notice->arena != NULL;
}

void notice_forget(struct notice *notice)
{
	sealed_forget(&notice->plain);
	sealed_forget(&notice->subject);
	sealed_forget(&notice->text);
	sealed_forget(&notice->brief);
	sodium_memzero(notice->address, sizeof(notice->address));
	sodium_memzero(notice->phone_local, sizeof(notice->phone_local));
	notice->values.count = 0;
	yajl_tree_free(notice->facts);
	notice->facts = NULL;
	arena_reset(notice->arena);
}

void notice_deinit(struct notice *notice)
{
	if (!notice->arena)
		return;
	notice_forget(notice);
	buffer_deinit(&notice->plain);
	buffer_deinit(&notice->subject);
	buffer_deinit(&notice->text);
	buffer_deinit(&notice->brief);
	arena_free(&notice->arena);
}

bool notice_phone_usable(const char *phone)
{
	size_t size = strlen(phone);

	return size >= 2 && size <= PHONE_BYTES_MAX && phone[0] == '+' && strspn(phone + 1, "0123456789") == size - 1;
}

/* To whom ---------------------------------------------------------------------------------------------------------- */

/* A submitter has a number, an officer a number or an address of mail: in the place of the number. */
static const char *open_address(struct wording *it, const uint8_t secret_key[SEALED_KEY_SIZE])
{
	struct notice *notice = it->notice;
	struct personal personal;

	if (!sealed_open(secret_key, &it->row->sealed_for, it->row->sealed, &notice->plain, &personal))
		return "its personal data cannot be opened";
	if (personal.phone.size > NOTICE_ADDRESS_BYTES_MAX || memchr(personal.phone.data, '\0', personal.phone.size))
		return "its phone number makes no address";
	memcpy(notice->address, personal.phone.data, personal.phone.size);
	notice->address[personal.phone.size] = '\0';
	if (!notice_phone_usable(notice->address) && !(it->facts && notice_mail_address(notice->address)))
		return "its phone number makes no address";
	return NULL;
}

static void set_address(struct wording *it)
{
	struct notice *notice = it->notice;
	struct values *values = &notice->values;
	bool phone = notice_phone_usable(notice->address);
	bool ours = phone && strncmp(notice->address, "+84", VIETNAM_PREFIX) == 0;

	values_set_text(values, "address", notice->address);
	values_set_text(values, "phone", phone ? notice->address : "");
	values_set_text(values, "phone_digits", phone ? notice->address + 1 : "");
	/* As it is dialled here; a number from abroad has no such form. */
	snprintf(notice->phone_local, sizeof(notice->phone_local), "%s%s", ours ? "0" : "",
		phone ? notice->address + (ours ? VIETNAM_PREFIX : 0) : "");
	values_set_text(values, "phone_local", notice->phone_local);
}

/* What ------------------------------------------------------------------------------------------------------------- */

static void set_copy(struct wording *it, const char *word, struct bytes text)
{
	const char *copy = arena_text(it->notice->arena, text);

	values_set_text(&it->notice->values, word, copy ? copy : "");
}

static void set_instant(struct wording *it, const char *word, int64_t instant_us)
{
	char text[CLOCK_TEXT_SIZE];

	clock_format_instant(instant_us - instant_us % 1000000, text);
	set_copy(it, word, (struct bytes){(const uint8_t *)text, strlen(text)});
}

/* "code field" as a line of its own. */
static void add_reason(struct buffer *out, struct bytes reason, bool english)
{
	char code[REASON_BYTES_MAX] = "";
	char *field;
	size_t size = reason.size < sizeof(code) - 1 ? reason.size : sizeof(code) - 1;

	if (size == 0)
		return;
	memcpy(code, reason.data, size);
	code[size] = '\0';
	field = strchr(code, ' ');
	if (field)
		*field++ = '\0';
	buffer_format(out, "- %s\n", reason_text(code, field ? field : "", english));
}

static void set_reasons(struct wording *it, bool english)
{
	CLEANUP(buffer_deinit) struct buffer lines = {.limit = TEXT_BYTES_MAX};
	struct bytes reasons = it->row->reasons;

	if (reasons.size > 0)
		buffer_text(&lines, english ? "Why:\n" : "Lý do:\n");
	while (reasons.size > 0) {
		const uint8_t *end = memchr(reasons.data, ';', reasons.size);
		size_t size = end ? (size_t)(end - reasons.data) : reasons.size;

		add_reason(&lines, (struct bytes){reasons.data, size}, english);
		size += end != NULL;
		reasons.data += size;
		reasons.size -= size;
	}
	if (lines.size > 0)
		lines.size--; /* the template has its line end */
	set_copy(it, "reasons", buffer_bytes(&lines));
}

static void set_unit(struct wording *it, const struct unit *unit)
{
	values_set_text(&it->notice->values, "unit", unit ? unit->code : "");
	values_set_text(&it->notice->values, "unit_name", unit ? unit->name : "");
}

static void set_submission(struct wording *it, bool english)
{
	const struct outbox_row *row = it->row;
	const struct template_words *words = templates_words(it->templates, english);
	enum submission_status status = row->event == NOTICE_RECEIPT ? STATUS_RECEIVED : row->status;
	char code[TRACKING_CODE_SIZE];

	tracking_code_format(&row->submission, code);
	set_copy(it, "tracking_code", (struct bytes){(const uint8_t *)code, strlen(code)});
	set_unit(it, it->campaign->units ? unit_by_id(it->campaign->units, row->unit) : NULL);
	values_set_text(&it->notice->values, "status", status_name(status));
	values_set_text(&it->notice->values, "status_words", words->statuses[status]);
	set_instant(it, "received_at", row->received_at);
	if (row->event == NOTICE_RECEIPT)
		return;
	set_instant(it, "decided_at", row->decided_at);
	set_reasons(it, english);
}

/* Figures ---------------------------------------------------------------------------------------------------------- */

static const char *text_of(yajl_val object, const char *name)
{
	yajl_val value = yajl_tree_get(object, (const char *[]){name, NULL}, yajl_t_any);

	return YAJL_IS_STRING(value) ? YAJL_GET_STRING(value) : YAJL_IS_NUMBER(value) ? YAJL_GET_NUMBER(value) : "";
}

static const struct unit *unit_of(const struct wording *it, yajl_val object)
{
	const char *code = text_of(object, "unit");

	return it->campaign->units ? unit_by_code(it->campaign->units, code) : NULL;
}

static void set_laggards(struct wording *it, const char *pattern)
{
	static const char *const FIGURES[] = {"counted", "target", "percent"};
	CLEANUP(buffer_deinit) struct buffer lines = {.limit = TEXT_BYTES_MAX};
	yajl_val list = yajl_tree_get(it->facts, (const char *[]){"laggards", NULL}, yajl_t_array);

	for (size_t i = 0; list && i < list->u.array.len && i < LAGGARDS_MAX; i++) {
		yajl_val entry = list->u.array.values[i];
		const struct unit *unit = unit_of(it, entry);
		struct values values = {.count = 0};

		values_set_text(&values, "unit", text_of(entry, "unit"));
		values_set_text(&values, "unit_name", unit ? unit->name : "");
		for (size_t j = 0; j < ARRAY_LENGTH(FIGURES); j++)
			values_set_text(&values, FIGURES[j], text_of(entry, FIGURES[j]));
		values_expand(&values, pattern, ESCAPE_NONE, &lines);
		buffer_text(&lines, "\n");
	}
	if (lines.size > 0)
		lines.size--;
	set_copy(it, "laggards", buffer_bytes(&lines));
}

static void set_period(struct wording *it, const struct template_words *words, bool english)
{
	const char *name = text_of(it->facts, english ? "period_en" : "period_vi");

	values_set_text(&it->notice->values, "period", name[0] ? name : words->whole);
}

static void set_figures(struct wording *it, bool english)
{
	static const char *const FIGURES[] = {"counted", "target", "percent", "days_left", "projected"};
	const struct template_words *words = templates_words(it->templates, english);
	const struct unit *unit = unit_of(it, it->facts);

	values_set_text(&it->notice->values, "unit", text_of(it->facts, "unit"));
	values_set_text(&it->notice->values, "unit_name", unit ? unit->name : text_of(it->facts, "unit"));
	for (size_t i = 0; i < ARRAY_LENGTH(FIGURES); i++)
		values_set_text(&it->notice->values, FIGURES[i], text_of(it->facts, FIGURES[i]));
	values_set_text(&it->notice->values, "what",
		strcmp(text_of(it->facts, "counts"), "2") == 0 ? words->people : words->initiatives);
	set_period(it, words, english);
	set_laggards(it, words->laggard);
}

/* Words ------------------------------------------------------------------------------------------------------------ */

static void set_language(struct wording *it, bool english)
{
	const struct campaign *campaign = it->campaign->campaign;
	const struct rule_pack *rules = campaign_rules_at(campaign, it->row->claim.created_at);
	struct values *values = &it->notice->values;

	values_set_text(values, "campaign_name", english ? campaign->name.en : campaign->name.vi);
	values_set_text(values, "support", !rules ? "" : english ? rules->support.en : rules->support.vi);
	if (it->facts)
		set_figures(it, english);
	else
		set_submission(it, english);
}

static void set_common(struct wording *it)
{
	struct notice *notice = it->notice;
	char hex[2 * ID128_SIZE + 1];

	/* The same for every attempt: a gateway can know it again. */
	snprintf(notice->id_text, sizeof(notice->id_text), "msg_%s",
		sodium_bin2hex(hex, sizeof(hex), notice->id.octet, ID128_SIZE));
	values_set_text(&notice->values, "id", notice->id_text);
	values_set_text(&notice->values, "campaign", it->campaign->campaign->code);
	values_set_text(&notice->values, "event", notice_event_name(it->row->event));
	set_instant(it, "event_time", it->row->claim.created_at);
	set_address(it);
}

static void word_text(struct wording *it, bool english)
{
	const struct template *template = &templates_words(it->templates, english)->by_event[it->row->event];

	set_language(it, english);
	values_expand(&it->notice->values, template->text, ESCAPE_NONE, &it->notice->text);
}

/* A paragraph whose variable stands for nothing leaves no gap. */
static void close_gaps(struct buffer *text)
{
	size_t kept = 0;

	for (size_t i = 0; i < text->size; i++)
		if (text->data[i] != '\n' || kept < 2 || text->data[kept - 1] != '\n' || text->data[kept - 2] != '\n')
			text->data[kept++] = text->data[i];
	text->size = kept;
}

/* Subject and short form are of one language: Vietnamese first. */
static void word(struct wording *it, bool english, bool both)
{
	const struct template *template = &templates_words(it->templates, english)->by_event[it->row->event];
	CLEANUP(buffer_deinit) struct buffer whole = {.limit = TEXT_BYTES_MAX};
	struct notice *notice = it->notice;

	word_text(it, english);
	if (both) {
		buffer_text(&notice->text, "\n\n---\n\n");
		word_text(it, !english);
		set_language(it, english);
	}
	close_gaps(&notice->text);
	values_expand(&notice->values, template->subject, ESCAPE_NONE, &notice->subject);
	values_expand(&notice->values, template->brief, ESCAPE_NONE, &whole);
	short_text(buffer_bytes(&whole), &notice->brief);
	notice->text.failed |= whole.failed;
	values_set(&notice->values, "subject", buffer_bytes(&notice->subject));
	values_set(&notice->values, "text", buffer_bytes(&notice->text));
	values_set(&notice->values, "short", buffer_bytes(&notice->brief));
}

static const char *compose(struct wording *it, const uint8_t secret_key[SEALED_KEY_SIZE])
{
	enum notice_language language = it->campaign->campaign->notices.language;
	struct notice *notice = it->notice;
	const char *fault = open_address(it, secret_key);

	if (fault)
		return fault;
	notice->id = it->row->claim.id;
	notice->event = it->row->event;
	notice->created_at = it->row->claim.created_at;
	set_common(it);
	word(it, it->facts ? it->row->english : language == NOTICE_EN, !it->facts && language == NOTICE_BOTH);
	return notice->subject.failed || notice->text.failed || notice->brief.failed ? "its words are too long" : NULL;
}

const char *notice_compose(struct notice *notice, const uint8_t secret_key[SEALED_KEY_SIZE],
	const struct templates *templates, const struct reference_campaign *campaign, const struct outbox_row *row)
{
	struct wording it = {.notice = notice, .templates = templates, .campaign = campaign, .row = row};
	const char *fault = "its figures are no JSON", *facts;

	if (!row->is_known)
		return "its event is not known";
	if (!row->is_told)
		return row->event <= NOTICE_VERDICT ? "its submission or decision is not there"
						    : "its officer is not there";
	if (row->event <= NOTICE_VERDICT)
		return compose(&it, secret_key);
	facts = arena_text(notice->arena, row->facts);
	it.facts = facts ? yajl_tree_parse(facts, NULL, 0) : NULL;
	if (it.facts)
		fault = compose(&it, secret_key);
	/* Values still point into it. */
	notice->facts = it.facts;
	return fault;
}
