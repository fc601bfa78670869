/* The `notices` of a campaign file. A secret has no place in it: the file is shown, kept for ever and copied. */
#include "common/domain/campaign_file.h"

#include <regex.h>
#include <stdio.h>
#include <string.h>
#include <yajl/yajl_tree.h>

enum {
	WEEKLY_DAY_STANDARD = 1,
	WEEKLY_MIN_STANDARD = 8 * 60,
	STATUS_FROM_STANDARD = 200,
	STATUS_TO_STANDARD = 299,
	JSON_BYTES_MAX = 8192,
	HOUR_MIN = 60,
	PHONE_BYTES_MAX = 16,
};

/* Names as they stand, before it is known which channel they mean. */
struct sending {
	const char *by_event[NOTICE_EVENTS];
};

static void read_kind(struct yaml_reader *reader, yaml_node_t *node, void *target)
{
	static const char *const WORDS[] = {"smtp", "webhook", "http"};
	int place = 0;

	static_assert(CHANNEL_SMTP == 1 && CHANNEL_WEBHOOK == 2 && CHANNEL_HTTP == 3, "the order of WORDS");
	yaml_read_word(reader, node, WORDS, ARRAY_LENGTH(WORDS), &place);
	*(enum channel_kind *)target = (enum channel_kind)place;
}

static void read_language(struct yaml_reader *reader, yaml_node_t *node, void *target)
{
	static const char *const WORDS[] = {"vi", "en", "both"};
	int place = NOTICE_BOTH;

	static_assert(NOTICE_VI == 1 && NOTICE_EN == 2 && NOTICE_BOTH == 3, "the order of WORDS");
	yaml_read_word(reader, node, WORDS, ARRAY_LENGTH(WORDS), &place);
	*(enum notice_language *)target = (enum notice_language)place;
}

static void read_weekday(struct yaml_reader *reader, yaml_node_t *node, void *target)
{
	static const char *const WORDS[] = {
		"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"};
	int place = WEEKLY_DAY_STANDARD;

	yaml_read_word(reader, node, WORDS, ARRAY_LENGTH(WORDS), &place);
	*(uint32_t *)target = (uint32_t)place;
}

static void read_method(struct yaml_reader *reader, yaml_node_t *node, void *target)
{
	static const char *const WORDS[] = {"POST", "PUT", "GET"};
	int place = 1;

	yaml_read_word(reader, node, WORDS, ARRAY_LENGTH(WORDS), &place);
	*(const char **)target = WORDS[place > 0 ? place - 1 : 0];
}

/* "21:30", minutes of the day. */
static void read_time_of_day(struct yaml_reader *reader, yaml_node_t *node, void *target)
{
	const char *text = yaml_scalar(reader, node, "a time of day");
	uint32_t hour, minute;

	if (text == NULL)
		return;
	if (strlen(text) != 5 || text[2] != ':' || strspn(text, "0123456789") != 2 ||
		strspn(text + 3, "0123456789") != 2)
		goto fault;
	hour = (uint32_t)(text[0] - '0') * 10 + (uint32_t)(text[1] - '0');
	minute = (uint32_t)(text[3] - '0') * 10 + (uint32_t)(text[4] - '0');
	if (hour > 23 || minute > 59)
		goto fault;
	*(uint32_t *)target = hour * HOUR_MIN + minute;
	return;
fault:
	yaml_fault(reader, node, "\"%.60s\" is no time of day; write it like \"21:30\"", text);
}

static void read_quiet_hours(struct yaml_reader *reader, yaml_node_t *node, void *target)
{
	static const struct yaml_field FIELDS[] = {
		{"from", read_time_of_day, offsetof(struct notice_rules, quiet_from_min), true},
		{"to", read_time_of_day, offsetof(struct notice_rules, quiet_to_min), true},
	};
	struct notice_rules *rules = target;
	size_t faults = reader->fault_count;

	yaml_read_mapping(reader, node, FIELDS, ARRAY_LENGTH(FIELDS), rules);
	rules->has_quiet_hours = true;
	if (faults == reader->fault_count && rules->quiet_from_min == rules->quiet_to_min)
		yaml_fault(reader, node, "quiet hours that end when they begin; give them a length or remove them");
}

static void read_status(struct yaml_reader *reader, yaml_node_t *node, void *target)
{
	static const struct yaml_field FIELDS[] = {
		{"from", yaml_read_u32, offsetof(struct notice_channel, status_from), true},
		{"to", yaml_read_u32, offsetof(struct notice_channel, status_to), true},
	};
	struct notice_channel *channel = target;

	yaml_read_mapping(reader, node, FIELDS, ARRAY_LENGTH(FIELDS), channel);
	if (channel->status_from < 200 || channel->status_to > 299 || channel->status_from > channel->status_to)
		yaml_fault(reader, node, "no range of success; write numbers from 200 to 299");
}

static void read_pattern(struct yaml_reader *reader, yaml_node_t *node, void *target)
{
	const char *text = NULL;
	char why[128];
	regex_t regex;

	yaml_read_text(reader, node, &text);
	if (text == NULL)
		return;
	int code = regcomp(&regex, text, REG_EXTENDED | REG_NOSUB);
	if (code == 0) {
		regfree(&regex);
		*(const char **)target = text;
		return;
	}
	regerror(code, &regex, why, sizeof(why));
	yaml_fault(reader, node, "\"%.60s\" is no regular expression (%s); correct it", text, why);
}

static void read_success(struct yaml_reader *reader, yaml_node_t *node, void *target)
{
	static const struct yaml_field FIELDS[] = {
		{"status", read_status, 0, false},
		{"field", yaml_read_text, offsetof(struct notice_channel, answer_field), false},
		{"matches", read_pattern, offsetof(struct notice_channel, answer_matches), false},
		{"final", read_pattern, offsetof(struct notice_channel, answer_final), false},
	};
	struct notice_channel *channel = target;
	size_t faults = reader->fault_count;

	yaml_read_mapping(reader, node, FIELDS, ARRAY_LENGTH(FIELDS), channel);
	if (faults == reader->fault_count && channel->answer_matches == NULL &&
		(channel->answer_field != NULL || channel->answer_final != NULL))
		yaml_fault(reader, node, "nothing says what a good answer is; add \"matches\"");
}

/* A mapping whose keys are the file's own. */
static struct notice_field *read_fields(struct yaml_reader *reader, yaml_node_t *node, size_t *count)
{
	struct notice_field *fields;
	size_t most;

	*count = 0;
	if (node->type != YAML_MAPPING_NODE) {
		yaml_fault(reader, node, "not a mapping; write \"name: value\" lines");
		return NULL;
	}
	most = (size_t)(node->data.mapping.pairs.top - node->data.mapping.pairs.start);
	fields = most > NOTICE_FIELDS_MAX ? NULL : arena_alloc(reader->arena, (most + 1) * sizeof(*fields));
	if (fields == NULL) {
		yaml_fault(reader, node, "%zu entries; at most %d are taken", most, NOTICE_FIELDS_MAX);
		return NULL;
	}
	for (size_t i = 0; i < most; i++) {
		yaml_node_pair_t *pair = &node->data.mapping.pairs.start[i];
		fields[i] = (struct notice_field){NULL, NULL};
		yaml_read_text(reader, yaml_document_get_node(&reader->document, pair->key), &fields[i].name);
		yaml_read_text(reader, yaml_document_get_node(&reader->document, pair->value), &fields[i].value);
		*count += fields[i].name != NULL && fields[i].value != NULL;
	}
	return *count == most ? fields : NULL; /* else said */
}

static bool word_is(const char *pattern, size_t at, size_t size, const char *word)
{
	return strlen(word) == size - 2 && memcmp(pattern + at + 1, word, size - 2) == 0;
}

/* Every variable must be one that there is. */
static void check_words(struct yaml_reader *reader, yaml_node_t *node, const char *pattern, bool in_header)
{
	size_t at = 0, size;

	while (notice_variable_next(pattern, &at, &size)) {
		if (!notice_variable_known(pattern + at + 1, size - 2))
			yaml_fault(reader, node, "\"%.*s\" is no variable; the README lists them", (int)size,
				pattern + at);
		else if (in_header && !word_is(pattern, at, size, "secret") && !word_is(pattern, at, size, "id"))
			yaml_fault(reader, node, "\"%.*s\" cannot stand in a header; only {secret} and {id} can",
				(int)size, pattern + at);
		at += size;
	}
}

static bool is_token(const char *name)
{
	return name[0] != '\0' &&
	       name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")] == '\0';
}

static bool is_printable(const char *text)
{
	for (const char *c = text; *c != '\0'; c++)
		if (*c < ' ' || *c >= 0x7f)
			return false;
	return true;
}

static void read_headers(struct yaml_reader *reader, yaml_node_t *node, void *target)
{
	struct notice_channel *channel = target;

	channel->headers = read_fields(reader, node, &channel->header_count);
	for (size_t i = 0; channel->headers != NULL && i < channel->header_count; i++) {
		const struct notice_field *header = &channel->headers[i];
		if (!is_token(header->name) || !is_printable(header->value))
			yaml_fault(reader, node, "\"%.60s\" is no header; use ASCII, in its name letters, digits and -",
				header->name);
		check_words(reader, node, header->value, true);
	}
}

static void read_form(struct yaml_reader *reader, yaml_node_t *node, void *target)
{
	struct notice_channel *channel = target;

	channel->form = read_fields(reader, node, &channel->form_count);
	for (size_t i = 0; channel->form != NULL && i < channel->form_count; i++)
		check_words(reader, node, channel->form[i].value, false);
}

/* With a letter in place of each variable it must be JSON: so one that stands outside of quotes is found here, and
 * not when a name breaks out of it. */
static void read_json(struct yaml_reader *reader, yaml_node_t *node, void *target)
{
	char sample[JSON_BYTES_MAX], why[128];
	const char *text = NULL;
	size_t from = 0, at = 0, size, filled = 0;

	yaml_read_text(reader, node, &text);
	if (text == NULL)
		return;
	if (strlen(text) >= sizeof(sample)) {
		yaml_fault(reader, node, "too long; at most %d octets are taken", JSON_BYTES_MAX - 1);
		return;
	}
	check_words(reader, node, text, false);
	while (notice_variable_next(text, &at, &size)) {
		memcpy(sample + filled, text + from, at - from);
		filled += at - from;
		sample[filled++] = 'x';
		from = at += size;
	}
	memcpy(sample + filled, text + from, strlen(text + from) + 1);
	yajl_val tree = yajl_tree_parse(sample, why, sizeof(why));
	if (tree == NULL)
		yaml_fault(reader, node, "no JSON; correct it, and put every variable within quotes");
	yajl_tree_free(tree);
	*(const char **)target = text;
}

static bool begins(const char *text, const char *start)
{
	return strncmp(text, start, strlen(start)) == 0;
}

static void check_url(struct yaml_reader *reader, yaml_node_t *node, const struct notice_channel *channel)
{
	bool mail = channel->kind == CHANNEL_SMTP;
	const char *host = strstr(channel->url, "://");
	size_t at = 0, size, host_bytes = host == NULL ? 0 : strcspn(host + 3, "/?#");

	if (host == NULL || host_bytes == 0 || !is_printable(channel->url) || strchr(channel->url, ' ') ||
		!(mail ? begins(channel->url, "smtp://") || begins(channel->url, "smtps://")
		       : begins(channel->url, "http://") || begins(channel->url, "https://")))
		yaml_fault(reader, node, "\"%.100s\" is no such URL; write %s", channel->url,
			mail ? "smtp://host:port or smtps://host:port" : "https://host/path");
	else if (memchr(host + 3, '@', host_bytes) != NULL)
		yaml_fault(reader, node, "a login in a URL is shown to everybody; put it into the file of \"secret\"");
	else if (begins(channel->url, "http://") && !channel->cleartext)
		yaml_fault(reader, node, "phone numbers would go in the clear; write https:// or \"cleartext: true\"");
	else if (notice_variable_next(channel->url, &at, &size) &&
		 (channel->kind != CHANNEL_HTTP || channel->url + at < host + 3 + host_bytes))
		yaml_fault(reader, node, "a variable cannot stand here; only after the host of an http gateway");
	if (channel->kind == CHANNEL_HTTP)
		check_words(reader, node, channel->url, false);
}

static bool recipient_pattern_good(const char *to)
{
	char address[NOTICE_ADDRESS_BYTES_MAX + 1];
	const char *word = strstr(to, "{phone}");
	int before = word == NULL ? (int)strlen(to) : (int)(word - to);

	/* The longest number is longer than the word. */
	if (strlen(to) + PHONE_BYTES_MAX > NOTICE_ADDRESS_BYTES_MAX)
		return false;
	snprintf(address, sizeof(address), "%.*s%s%s", before, to, word == NULL ? "" : "+84900000000",
		word == NULL ? "" : word + strlen("{phone}"));
	return notice_mail_address(address) && strpbrk(address, "{}") == NULL;
}

static void check_mail(struct yaml_reader *reader, yaml_node_t *node, const struct notice_channel *channel)
{
	if (channel->from == NULL || !notice_mail_address(channel->from))
		yaml_fault(reader, yaml_value(reader, node, "from"), "no address; write the one that mails come from");
	if (channel->to != NULL && !recipient_pattern_good(channel->to))
		yaml_fault(reader, yaml_value(reader, node, "to"),
			"no address; write one like \"{phone}@sms.example.vn\"");
	if ((channel->user == NULL) != (channel->secret == NULL))
		yaml_fault(reader, node, "a login has \"user\" and \"secret\"; give both or none");
}

/* Keys that another kind of channel has. */
static void check_kind(struct yaml_reader *reader, yaml_node_t *node, const struct notice_channel *channel)
{
	bool mail = channel->kind == CHANNEL_SMTP, http = channel->kind == CHANNEL_HTTP;

	if (mail)
		check_mail(reader, node, channel);
	else if (channel->from != NULL || channel->to != NULL || channel->user != NULL)
		yaml_fault(reader, node, "\"from\", \"to\" and \"user\" are those of kind smtp; remove them");
	if (!http && (channel->method != NULL || channel->headers != NULL || channel->form != NULL ||
			     channel->json != NULL || channel->answer_matches != NULL))
		yaml_fault(reader, node,
			"\"method\", \"headers\", \"form\", \"json\" and \"success\" are those of kind http; remove "
			"them");
	if (channel->kind == CHANNEL_WEBHOOK && channel->secret == NULL)
		yaml_fault(reader, node, "a webhook is signed; add \"secret\"");
	if (channel->form != NULL && channel->json != NULL)
		yaml_fault(reader, node, "two bodies; keep \"form\" or \"json\"");
	if (http && channel->method != NULL && strcmp(channel->method, "GET") == 0 &&
		(channel->form != NULL || channel->json != NULL))
		yaml_fault(reader, node, "GET has no body; put the variables into the URL");
}

static void read_channel(struct yaml_reader *reader, yaml_node_t *node, void *target)
{
#define FIELD(member) offsetof(struct notice_channel, member)
	static const struct yaml_field FIELDS[] = {
		{"name", yaml_read_code, FIELD(name), true},
		{"kind", read_kind, FIELD(kind), true},
		{"url", yaml_read_text, FIELD(url), true},
		{"secret", yaml_read_code, FIELD(secret), false},
		{"cleartext", yaml_read_bool, FIELD(cleartext), false},
		{"from", yaml_read_text, FIELD(from), false},
		{"to", yaml_read_text, FIELD(to), false},
		{"user", yaml_read_text, FIELD(user), false},
		{"method", read_method, FIELD(method), false},
		{"headers", read_headers, 0, false},
		{"form", read_form, 0, false},
		{"json", read_json, FIELD(json), false},
		{"success", read_success, 0, false},
	};
#undef FIELD
	struct notice_channel *channel = target;
	size_t faults = reader->fault_count;

	channel->status_from = STATUS_FROM_STANDARD;
	channel->status_to = STATUS_TO_STANDARD;
	yaml_read_mapping(reader, node, FIELDS, ARRAY_LENGTH(FIELDS), channel);
	if (faults != reader->fault_count)
		return;
	check_kind(reader, node, channel);
	check_url(reader, yaml_value(reader, node, "url"), channel);
	if (channel->method == NULL)
		channel->method = "POST";
}

static void read_channels(struct yaml_reader *reader, yaml_node_t *node, void *target)
{
	struct notice_rules *rules = target;

	rules->channels = yaml_read_sequence(
		reader, node, sizeof(*rules->channels), NOTICE_CHANNELS_MAX, read_channel, &rules->channel_count);
	for (size_t i = 0; i < rules->channel_count; i++)
		for (size_t j = 0; j < i; j++)
			if (rules->channels[i].name != NULL && rules->channels[j].name != NULL &&
				strcmp(rules->channels[i].name, rules->channels[j].name) == 0)
				yaml_fault(reader, yaml_element(reader, node, i),
					"the name \"%s\" is given twice; give each channel its own",
					rules->channels[i].name);
}

/* Which event goes through which channel. The channels stand before or after in the file: looked up at the end. */
static void read_send(struct yaml_reader *reader, yaml_node_t *node, struct notice_rules *rules)
{
	struct yaml_field fields[NOTICE_EVENTS];
	struct sending sending = {{NULL}};

	for (int i = 0; i < NOTICE_EVENTS; i++)
		fields[i] = (struct yaml_field){notice_event_name((enum notice_event)i), yaml_read_code,
			offsetof(struct sending, by_event) + (size_t)i * sizeof(sending.by_event[0]), false};
	yaml_read_mapping(reader, node, fields, NOTICE_EVENTS, &sending);
	for (int i = 0; i < NOTICE_EVENTS; i++) {
		const char *name = sending.by_event[i];
		if (name == NULL)
			continue;
		rules->by_event[i] = notices_channel(rules, (struct bytes){(const uint8_t *)name, strlen(name)});
		if (rules->by_event[i] == NULL)
			yaml_fault(reader, yaml_value(reader, node, fields[i].key),
				"there is no channel \"%s\"; write the name of one of \"channels\"", name);
		else if (i <= NOTICE_VERDICT && rules->by_event[i]->kind == CHANNEL_SMTP &&
			 rules->by_event[i]->to == NULL)
			yaml_fault(reader, yaml_value(reader, node, fields[i].key),
				"submitters have no mail address; give the channel \"to\" with {phone}");
	}
}

static void read_later(struct yaml_reader *reader, yaml_node_t *node, void *target)
{
	(void)reader;
	(void)node;
	(void)target;
}

void notices_read(struct yaml_reader *reader, yaml_node_t *node, void *target)
{
	static const struct yaml_field FIELDS[] = {
		{"channels", read_channels, 0, true},
		{"send", read_later, 0, true},
		{"language", read_language, offsetof(struct notice_rules, language), false},
		{"quiet_hours", read_quiet_hours, 0, false},
		{"weekly_on", read_weekday, offsetof(struct notice_rules, weekly_day), false},
		{"weekly_at", read_time_of_day, offsetof(struct notice_rules, weekly_min), false},
	};
	struct notice_rules *rules = target;
	size_t faults = reader->fault_count;

	rules->language = NOTICE_BOTH;
	rules->weekly_day = WEEKLY_DAY_STANDARD;
	rules->weekly_min = WEEKLY_MIN_STANDARD;
	yaml_read_mapping(reader, node, FIELDS, ARRAY_LENGTH(FIELDS), rules);
	if (faults == reader->fault_count)
		read_send(reader, yaml_value(reader, node, "send"), rules);
}
