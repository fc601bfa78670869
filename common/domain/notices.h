/* How a campaign tells its submitters and officers: which event goes through which gateway, and what a gateway wants.
 * Part of a campaign's file, so a new gateway is data. What is left out is off. Pure. */
#ifndef SANGKIEN_DOMAIN_NOTICES_H
#define SANGKIEN_DOMAIN_NOTICES_H

#include "common/runtime/base.h"

enum notice_event {
	NOTICE_RECEIPT,   /* to the submitter: it is durable */
	NOTICE_VERDICT,   /* to the submitter: each decision */
	NOTICE_QUOTA_MET, /* to the officers of a unit, once a target */
	NOTICE_BEHIND,    /* to them: within two weeks of a period's end, and at this pace the target is not reached */
	NOTICE_WEEKLY,    /* to them: where the unit stands, laggards first */
	NOTICE_EVENTS,
};
const char *notice_event_name(enum notice_event event); /* "quota_met", as outbox.event has it */
bool notice_event_parse(struct bytes name, enum notice_event *event) MUST_CHECK;

enum channel_kind { CHANNEL_SMTP = 1, CHANNEL_WEBHOOK, CHANNEL_HTTP };
enum notice_language { NOTICE_VI = 1, NOTICE_EN, NOTICE_BOTH };

enum {
	NOTICE_CHANNELS_MAX = 8,
	NOTICE_FIELDS_MAX = 32,
	NOTICE_ADDRESS_BYTES_MAX = 254,
	NOTICE_WORD_BYTES_MAX = 24, /* of a variable's name */
};

struct notice_field {
	const char *name, *value; /* the value may have variables */
};

/* One gateway. Secrets are not here: `secret` names a file of the key directory, gateway-<secret>.secret. */
struct notice_channel {
	const char *name;
	enum channel_kind kind;
	const char *url;    /* smtp://…, smtps://…; https://…; variables after the host of an http gateway's */
	const char *secret; /* NULL: none */
	bool cleartext;     /* may be spoken to without TLS */
	/* smtp */
	const char *from,
		*to;      /* addresses; {phone} in `to` stands for the number; NULL: to those with an address only */
	const char *user; /* NULL: without login */
	/* http */
	const char *method; /* "POST" */
	struct notice_field *headers, *form;
	size_t header_count, form_count;
	const char *json;                /* the body, where there is no form; NULL: neither, no body */
	uint32_t status_from, status_to; /* both inclusive: what is success */
	const char *answer_field;        /* "data.code": where in a JSON answer to look; NULL: all of the text */
	const char *answer_matches;      /* POSIX extended regex: success only where it is found; NULL: any */
	const char *answer_final;        /* likewise: such a failure is final; NULL: none is */
};

struct notice_rules {
	struct notice_channel *channels;
	size_t channel_count;
	const struct notice_channel *by_event[NOTICE_EVENTS]; /* NULL: off */
	enum notice_language language;                        /* of submitters' notices; a short form is of one */
	bool has_quiet_hours;
	uint32_t quiet_from_min, quiet_to_min; /* minutes of the day in Vietnam, [from, to), perhaps over midnight */
	uint32_t weekly_day;                   /* 1 Monday … 7 Sunday */
	uint32_t weekly_min;
};

/* Nothing is sent now: it waits until the quiet hours are over. */
bool notices_are_quiet(const struct notice_rules *rules, int64_t instant_us);
/* The last instant at which weekly summaries were due, at or before this one. */
int64_t notices_weekly_at(const struct notice_rules *rules, int64_t instant_us);
const struct notice_channel *notices_channel(const struct notice_rules *rules, struct bytes name); /* NULL: none */

/* The next "{word}" of `pattern` at or after `at`, where the word is letters and underscores: its place, its size with
 * the braces. False: none. Other braces are text. */
bool notice_variable_next(const char *pattern, size_t *at, size_t *size) MUST_CHECK;
/* Words that templates and gateways may use: "{phone}" and the like. */
bool notice_variable_known(const char *word, size_t size);

/* An address that can end no header and no command of SMTP. */
bool notice_mail_address(const char *address);

#endif
