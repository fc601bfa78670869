/* A campaign's rule pack: every limit, window, list and rule is data, versioned (domain.md). Immutable once parsed. */
#ifndef SANGKIEN_DOMAIN_CAMPAIGN_H
#define SANGKIEN_DOMAIN_CAMPAIGN_H

#include "common/domain/notices.h"
#include "common/domain/status.h"
#include "common/runtime/buffer.h"

struct bilingual {
	const char *vi, *en; /* en falls back to vi, never NULL */
};
struct coded_name {
	const char *code;
	struct bilingual name;
};
struct campaign_phase {
	uint32_t number; /* 1… */
	struct bilingual name;
	int64_t starts_at, ends_at; /* [starts_at, ends_at) */
};
enum person_key { PERSON_BY_PHONE = 1, PERSON_BY_NATIONAL_ID = 2 };
enum duplicate_scope { SCOPE_NATION = 1, SCOPE_TOP = 2 /* province or branch */, SCOPE_UNIT = 3 };
enum rule_field { /* those a campaign may require */
	RULE_NATIONAL_ID = 1 << 0,
	RULE_CATEGORY = 1 << 1,
	RULE_KIND = 1 << 2,
	RULE_TITLE = 1 << 3,
	RULE_APPLIED_ON = 1 << 4,
	RULE_RECOGNIZED_ON = 1 << 5,
	RULE_RECOGNIZED_BY = 1 << 6,
	RULE_ACCEPTED_ON = 1 << 7,
	RULE_EVIDENCE_URL = 1 << 8,
};

/* Days, inclusive at both ends; one that is not set takes every day. */
struct day_window {
	bool is_set;
	int32_t from, to;
};

/* One version of the rules. */
/* What near copies are weighed with: a piece of text that df of N texts have is worth
 * ln((N + prior) / (df + 1)) ^ power. While few texts are known a copy must score higher by up to `cold_start_margin`.
 */
struct campaign_weighting {
	uint32_t prior; /* how many texts it takes until what came twice is rare */
	double power;
	double cold_start_margin;
};
#define CAMPAIGN_WEIGHTING_DEFAULT ((struct campaign_weighting){.prior = 200, .power = 2.5, .cold_start_margin = 0.1})

struct rule_pack {
	uint32_t version;
	int64_t holds_from; /* the instant of receipt from which it decides */
	uint32_t description_characters_max;
	uint32_t required;         /* bits of enum rule_field */
	uint32_t offered;          /* fields the form shows */
	struct coded_name *blocks; /* R2: those that take part, by block_name() */
	size_t block_count;
	struct coded_name *categories;
	size_t category_count;
	struct coded_name *kinds;
	size_t kind_count;
	const char *research_kind; /* R12: the kind that needs accepted_on, NULL: none */
	struct day_window applied_window;
	struct day_window recognized_window; /* R12; where the file has none, that of the application */
	bool phase_by_applied_on;            /* else by receipt */
	struct campaign_phase *phases;
	size_t phase_count;
	enum person_key person_key;
	enum duplicate_scope exact_scope, near_scope;
	double near_threshold;                  /* weighted containment from which a near copy is a duplicate */
	double review_threshold;                /* from here to near_threshold: under_review; equal = no review */
	struct campaign_weighting weighting;    /* of what texts have in common */
	bool lead_author_only;                  /* R11 */
	bool refuse_ip_protected;               /* R16 */
	uint32_t person_limit, person_window_s; /* rate limit: 30 in 600 s */
	uint64_t target;                        /* of the whole campaign, 0: none */
	struct bilingual support;
};

struct campaign {
	const char *code;
	struct bilingual name;
	int64_t opens_at, closes_at; /* open while opens_at <= receipt < closes_at (R14) */
	struct rule_pack *versions;  /* ascending by holds_from */
	size_t version_count;
	struct notice_rules notices; /* who is told of what, and how; zero: nobody */
};

/* Parses a campaign file (YAML). NULL with one line "FILE:LINE: what and how to mend" a fault in `faults`. */
struct campaign *campaign_parse(const char *file_name, struct bytes yaml, struct buffer *faults) MUST_CHECK;
void campaign_free(struct campaign **campaign);

/* The version that holds at an instant of receipt (the first one before it). */
const struct rule_pack *campaign_rules_at(const struct campaign *campaign, int64_t received_at);
const struct rule_pack *campaign_rules_version(const struct campaign *campaign, uint32_t version); /* NULL: none */
bool campaign_is_open(const struct campaign *campaign, int64_t instant);
/* The phase of a submission; 0: in none. */
uint32_t campaign_phase_of(const struct rule_pack *rules, int64_t received_at, bool has_applied_on, int32_t applied_on);
/* The unit that bounds exact or near copies: 0 the nation, else the top unit or the unit itself. */
struct unit_tree;
uint32_t campaign_scope_unit(enum duplicate_scope scope, const struct unit_tree *tree, uint32_t unit);

#endif
