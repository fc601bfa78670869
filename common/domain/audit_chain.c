#include "common/domain/audit_chain.h"

#include <sodium.h>

static void add_number(crypto_generichash_state *state, uint64_t number)
{
	uint8_t octets[8];

	for (size_t i = 0; i < sizeof(octets); i++)
		octets[i] = (uint8_t)(number >> (8 * i));
	crypto_generichash_update(state, octets, sizeof(octets));
}

/* With its length, so that no two rows spell the same octets. */
static void add_text(crypto_generichash_state *state, struct bytes text)
{
	add_number(state, text.size);
	crypto_generichash_update(state, text.data, text.size);
}

void audit_chain_hash(
	const uint8_t previous[AUDIT_HASH_SIZE], const struct audit_entry *entry, uint8_t hash[AUDIT_HASH_SIZE])
{
	crypto_generichash_state state;

	crypto_generichash_init(&state, NULL, 0, AUDIT_HASH_SIZE);
	crypto_generichash_update(&state, previous, AUDIT_HASH_SIZE);
	add_number(&state, (uint64_t)entry->number);
	add_number(&state, (uint64_t)entry->at);
	crypto_generichash_update(&state, entry->token.octet, sizeof(entry->token.octet));
	crypto_generichash_update(&state, entry->submission.octet, sizeof(entry->submission.octet));
	add_number(&state, entry->campaign);
	add_number(&state, entry->revision);
	add_number(&state, (uint64_t)entry->from);
	add_number(&state, (uint64_t)entry->to);
	add_text(&state, entry->act);
	add_text(&state, entry->reason);
	crypto_generichash_final(&state, hash, AUDIT_HASH_SIZE);
}
