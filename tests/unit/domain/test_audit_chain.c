/* Would catch: a log whose rows can be changed, cut between fields in another way, or moved to another place in the
 * chain without their hashes telling; and a hash that is not what earlier rows were written with. */
#include "common/domain/audit_chain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#define TEXT(literal) ((struct bytes){(const uint8_t *)(literal), sizeof(literal) - 1})

static struct audit_entry entry(void)
{
	return (struct audit_entry){.number = 1,
		.at = 1700000000000000,
		.token = {{1}},
		.submission = {{2}},
		.campaign = 3,
		.revision = 2,
		.from = STATUS_COUNTED,
		.to = STATUS_REVOKED,
		.act = TEXT("revoke"),
		.reason = TEXT("Không đúng")};
}

static void expect_other(const struct audit_entry *changed, const uint8_t previous[AUDIT_HASH_SIZE])
{
	const struct audit_entry same = entry();
	uint8_t hash[AUDIT_HASH_SIZE], other[AUDIT_HASH_SIZE];

	audit_chain_hash((uint8_t[AUDIT_HASH_SIZE]){0}, &same, hash);
	audit_chain_hash(previous, changed, other);
	assert_memory_not_equal(hash, other, AUDIT_HASH_SIZE);
}

static void test_every_field_is_covered(void **state)
{
	const uint8_t none[AUDIT_HASH_SIZE] = {0}, another[AUDIT_HASH_SIZE] = {1};
	struct audit_entry changed;

	(void)state;
#define EXPECT_COVERED(assignment)                                                                                     \
	do {                                                                                                           \
		changed = entry();                                                                                     \
		assignment;                                                                                            \
		expect_other(&changed, none);                                                                          \
	} while (0)
	EXPECT_COVERED(changed.number = 2);
	EXPECT_COVERED(changed.at++);
	EXPECT_COVERED(changed.token.octet[15] = 1);
	EXPECT_COVERED(changed.submission.octet[15] = 1);
	EXPECT_COVERED(changed.campaign = 4);
	EXPECT_COVERED(changed.revision = 3);
	EXPECT_COVERED(changed.from = STATUS_REJECTED);
	EXPECT_COVERED(changed.to = STATUS_REJECTED);
	EXPECT_COVERED(changed.act = TEXT("reject"));
	EXPECT_COVERED(changed.reason = TEXT("Không đúng "));
	/* The same octets over two fields. */
	EXPECT_COVERED(changed.act = TEXT("revok"); changed.reason = TEXT("eKhông đúng"));
	changed = entry();
	expect_other(&changed, another);
}

/* The rows of running systems were written with it: it never changes. */
static void test_the_hash_stays(void **state)
{
	const struct audit_entry same = entry();
	uint8_t hash[AUDIT_HASH_SIZE];
	char text[2 * AUDIT_HASH_SIZE + 1];

	(void)state;
	audit_chain_hash((uint8_t[AUDIT_HASH_SIZE]){0}, &same, hash);
	sodium_bin2hex(text, sizeof(text), hash, sizeof(hash));
	assert_string_equal(text, "632e1ba6365bbaccc0ee9fd35d561fe51a396ea0b71ce24348fac58977b0037d");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_field_is_covered),
		cmocka_unit_test(test_the_hash_stays),
	};

	return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
