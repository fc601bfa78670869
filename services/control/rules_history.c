#include "services/control/rules_history.h"

#include "services/control/session.h"

#include <stdio.h>
#include <string.h>

/* The same codes, in any order: within one list each stands once. */
static bool same_codes(const struct coded_name *a, size_t a_count, const struct coded_name *b, size_t b_count)
{
	if (a_count != b_count)
		return false;
	for (size_t i = 0; i < a_count; i++) {
		bool found = false;
		for (size_t k = 0; k < b_count && !found; k++)
			found = strcmp(a[i].code, b[k].code) == 0;
		if (!found)
			return false;
	}
	return true;
}

static bool same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool same_window(const struct day_window *a, const struct day_window *b)
{
	return a->is_set == b->is_set && (!a->is_set || (a->from == b->from && a->to == b->to));
}

static bool same_phases(const struct rule_pack *a, const struct rule_pack *b)
{
	if (a->phase_by_applied_on != b->phase_by_applied_on || a->phase_count != b->phase_count)
		return false;
	for (size_t i = 0; i < a->phase_count; i++)
		if (a->phases[i].starts_at != b->phases[i].starts_at || a->phases[i].ends_at != b->phases[i].ends_at)
			return false;
	return true;
}

static bool same_copies(const struct rule_pack *a, const struct rule_pack *b)
{
	return a->exact_scope == b->exact_scope && a->near_scope == b->near_scope &&
	       a->near_threshold == b->near_threshold && a->review_threshold == b->review_threshold &&
	       a->weighting.prior == b->weighting.prior && a->weighting.power == b->weighting.power &&
	       a->weighting.cold_start_margin == b->weighting.cold_start_margin;
}

static bool same_form(const struct rule_pack *a, const struct rule_pack *b)
{
	return a->description_characters_max == b->description_characters_max && a->required == b->required &&
	       same_codes(a->blocks, a->block_count, b->blocks, b->block_count) &&
	       same_codes(a->categories, a->category_count, b->categories, b->category_count) &&
	       same_codes(a->kinds, a->kind_count, b->kinds, b->kind_count) &&
	       same_text(a->research_kind, b->research_kind) && a->lead_author_only == b->lead_author_only &&
	       a->refuse_ip_protected == b->refuse_ip_protected;
}

bool rule_packs_judge_alike(const struct rule_pack *a, const struct rule_pack *b)
{
	return a->holds_from == b->holds_from && same_form(a, b) && same_phases(a, b) && same_copies(a, b) &&
	       same_window(&a->applied_window, &b->applied_window) &&
	       same_window(&a->recognized_window, &b->recognized_window);
}

/* Did anything get its decision by this version? An answer that cannot be had counts as yes. */
static bool has_decided(struct pg *pg, int16_t campaign, uint32_t version)
{
	PGresult *rows CLEANUP(pg_result_clear) = NULL;
	struct pg_params *p = pg_params(pg);

	pg_i16(p, campaign);
	pg_i32(p, (int32_t)version);
	return pg_run(pg, "SELECT 1 FROM decision WHERE campaign_id = $1 AND rules_version = $2 LIMIT 1", &rows,
		       session_deadline()) != PG_OK ||
	       PQntuples(rows) > 0;
}

bool rules_history_keeps(struct pg *pg, int16_t campaign_id, const struct campaign *before, const struct campaign *next)
{
	if (before->versions[0].person_key != next->versions[0].person_key) {
		fputs("sangkien: people were counted already; `person_key` cannot change any more\n", stderr);
		return false;
	}
	for (size_t i = 0; i < before->version_count; i++) {
		const struct rule_pack *pack = &before->versions[i], *now = campaign_rules_version(next, pack->version);
		bool changed = now == NULL || !rule_packs_judge_alike(pack, now);

		if (!changed || !has_decided(pg, campaign_id, pack->version))
			continue;
		if (now == NULL) {
			fprintf(stderr,
				"sangkien: submissions were decided by version %u of the rules; keep it in the file, "
				"and add a version\n",
				pack->version);
			return false;
		}
		fprintf(stderr,
			"sangkien: version %u says something else than when it decided; those decisions stand "
			"(--dry-run counts them)\n",
			pack->version);
	}
	return true;
}
