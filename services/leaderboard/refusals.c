#include "services/leaderboard/leaderboard.h"

static void refuse(struct http_exchange *exchange, int status, const char *type, const char *vi, const char *en,
	const char *detail)
{
	http_problem(exchange, status, type, http_prefers_english(exchange) ? en : vi, detail, (struct bytes){0});
}

void refuse_unknown_campaign(struct http_exchange *exchange)
{
	refuse(exchange, 404, "/problems/unknown_campaign", "Không có chương trình này", "There is no such campaign",
		NULL);
}

void refuse_unknown_unit(struct http_exchange *exchange)
{
	refuse(exchange, 404, "/problems/unknown_unit", "Chương trình không có đơn vị này",
		"There is no such unit in the campaign", NULL);
}

void refuse_unknown_tracking(struct http_exchange *exchange, bool typing_error)
{
	bool english = http_prefers_english(exchange);
	const char *detail = english ? "No submission has this tracking code." : "Không có sáng kiến nào mang mã này.";
	if (typing_error)
		detail = english ? "The tracking code has a typing error: its check character does not fit."
				 : "Mã tra cứu bị gõ sai: ký tự kiểm tra không khớp.";
	refuse(exchange, 404, "/problems/not_found", "Không tìm thấy mã tra cứu", "Tracking code not found", detail);
}

void refuse_query(struct http_exchange *exchange, const char *field, const char *code)
{
	CLEANUP(buffer_deinit) struct buffer errors = {0};
	bool english = http_prefers_english(exchange);
	const char *message =
		english ? "The value of this parameter is not valid." : "Giá trị của tham số này không đúng.";
	buffer_text(&errors, "{\"field\":");
	buffer_json_text(&errors, field);
	buffer_text(&errors, ",\"code\":");
	buffer_json_text(&errors, code);
	buffer_text(&errors, ",\"message\":");
	buffer_json_text(&errors, __builtin_strcmp(code, "invalid") == 0 ? message : reason_text(code, field, english));
	buffer_text(&errors, "}");
	http_problem(exchange, 422, "/problems/invalid",
		english ? "A query parameter is not valid" : "Tham số truy vấn không đúng", NULL,
		errors.failed ? (struct bytes){0} : buffer_bytes(&errors));
}

void refuse_unavailable(struct http_exchange *exchange)
{
	http_add_header(exchange, "Retry-After", "1");
	refuse(exchange, 503, "/problems/unavailable", "Số liệu tạm thời chưa có, xin thử lại sau ít giây",
		"The figures cannot be had now; try again in a few seconds", NULL);
}

void answer_json(struct http_exchange *exchange, const struct buffer *json, const char *cache)
{
	if (json->failed) {
		refuse(exchange, 500, "/problems/internal", "Máy chủ gặp lỗi", "The server failed", NULL);
		return;
	}
	http_add_header(exchange, "Cache-Control", cache);
	http_answer(exchange, 200, "application/json", buffer_bytes(json));
}

bool leaderboard_ask(struct leaderboard *leaderboard, struct job **job)
{
	/* As many answers as their mailbox has room for, so that none is ever lost. */
	if (*job && leaderboard->asked < READERS_JOBS_MAX && readers_ask(leaderboard->readers, *job)) {
		leaderboard->asked++;
		*job = NULL;
		return true;
	}
	job_free(job);
	return false;
}
