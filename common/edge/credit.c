#include "common/edge/credit.h"

void credit_opened(struct credit *credit, int64_t now_ms)
{
	credit->connected = false;
	credit->said_ms = now_ms;
}

uint32_t credit_grant(const struct credit *credit, bool stopping)
{
	return stopping || !credit->listed ? 0 : credit->granted;
}

bool credit_speaks(const struct credit *credit, bool stopping, int64_t now_ms)
{
	return !credit->connected || credit->told != credit_grant(credit, stopping) ||
	       now_ms - credit->said_ms >= EDGE_HEARTBEAT_MS;
}

bool credit_spoke(struct credit *credit, bool sent, uint32_t grant, int64_t now_ms)
{
	bool turned = sent != credit->connected;

	if (sent) {
		credit->said_ms = now_ms;
		credit->told = grant;
	}
	credit->connected = sent;
	return turned;
}

bool credit_reopens(const struct credit *credit, int64_t now_ms)
{
	return !credit->connected && now_ms - credit->said_ms >= CREDIT_REOPEN_MS;
}

bool credit_ends(const struct credit *credit)
{
	return !credit->listed && credit->held == 0;
}

bool credit_admits(const struct credit *credit)
{
	return credit->held < CREDIT_OVER * credit->granted;
}
