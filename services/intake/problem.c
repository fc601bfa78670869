#include "services/intake/problem.h"

#include "common/domain/status.h"

#include <string.h>

static const struct problem_words WORDS[PROBLEM_COUNT] = {
	[PROBLEM_NOT_JSON] = {400, "/problems/not_json", {"Nội dung không phải là JSON", "The body is not JSON"},
		{NULL, NULL}},
	[PROBLEM_NOT_UTF8] = {400, "/problems/not_utf8", {"Nội dung không phải là UTF-8", "The body is not UTF-8"},
		{NULL, NULL}},
	[PROBLEM_NUL] = {400, "/problems/nul_in_text", {"Văn bản có ký tự NUL", "A text holds the character NUL"},
		{NULL, NULL}},
	[PROBLEM_DUPLICATE_KEY] = {400, "/problems/duplicate_key",
		{"Một tên xuất hiện hai lần", "A name stands twice in an object"}, {NULL, NULL}},
	[PROBLEM_TOO_DEEP] = {400, "/problems/nested_too_deep",
		{"JSON lồng nhau quá sâu", "The JSON is nested too deep"}, {NULL, NULL}},
	[PROBLEM_TOO_COMPLEX] = {400, "/problems/too_complex", {"JSON quá phức tạp", "The JSON is too complex"},
		{NULL, NULL}},
	[PROBLEM_NO_TOKEN] = {401, "/problems/token_required", {"Cần mã truy cập", "A bearer token is needed"},
		{"Hãy gửi tiêu đề Authorization: Bearer.", "Send the header Authorization: Bearer."}},
	[PROBLEM_BAD_TOKEN] = {401, "/problems/bad_token",
		{"Mã truy cập không đúng, đã hết hạn hoặc bị thu hồi", "The token is unknown, expired or revoked"},
		{NULL, NULL}},
	[PROBLEM_CAMPAIGN_NOT_OPEN] = {403, "/problems/campaign_not_open",
		{"Chương trình chưa bắt đầu nhận sáng kiến", "The campaign is not open yet"}, {NULL, NULL}},
	[PROBLEM_CAMPAIGN_CLOSED] = {403, "/problems/campaign_closed",
		{"Chương trình đã kết thúc nhận sáng kiến", "The campaign is closed"}, {NULL, NULL}},
	[PROBLEM_OUT_OF_SCOPE] = {403, "/problems/out_of_scope",
		{"Ngoài phạm vi của mã truy cập", "Out of the token's scope"}, {NULL, NULL}},
	[PROBLEM_UNKNOWN_CAMPAIGN] = {404, "/problems/unknown_campaign",
		{"Không có chương trình này", "There is no such campaign"}, {NULL, NULL}},
	[PROBLEM_UNKNOWN_CODE] = {404, "/problems/not_found", {"Không tìm thấy mã tra cứu", "Tracking code not found"},
		{"Không có sáng kiến nào mang mã này.", "No submission has this tracking code."}},
	[PROBLEM_MISTYPED_CODE] = {404, "/problems/not_found", {"Không tìm thấy mã tra cứu", "Tracking code not found"},
		{"Mã tra cứu bị gõ sai: ký tự kiểm tra không khớp.",
			"The tracking code has a typing error: its check character does not fit."}},
	[PROBLEM_ALREADY_DECIDED] = {409, "/problems/already_decided",
		{"Sáng kiến đã được quyết định", "The submission has been decided already"},
		{"Hãy xem trạng thái hiện tại rồi quyết định lại nếu cần.",
			"See what it is now, and decide again if need be."}},
	[PROBLEM_NOT_DECIDED_YET] = {409, "/problems/not_decided_yet",
		{"Sáng kiến chưa được xét tự động xong", "The submission has no verdict yet"},
		{"Chưa có gì thay đổi: xin gửi lại sau ít giây.",
			"Nothing was changed: please send it again in a few seconds."}},
	[PROBLEM_KEY_USED] = {409, "/problems/idempotency_key_used",
		{"Idempotency-Key này đã dùng cho nội dung khác", "This Idempotency-Key was used with other fields"},
		{NULL, NULL}},
	[PROBLEM_LINE_TOO_LARGE] = {413, "/problems/too_large", {"Dòng quá lớn", "The line is too large"},
		{NULL, NULL}},
	[PROBLEM_FIELDS] = {422, "/problems/invalid_fields", {"Một số mục chưa đúng", "Some fields are not right"},
		{NULL, NULL}},
	[PROBLEM_RATE_LIMITED] = {429, "/problems/rate_limited",
		{"Bạn đã gửi quá nhiều trong thời gian ngắn", "Too many submissions in a short time"},
		{"Xin gửi lại sau.", "Please send it again later."}},
	[PROBLEM_FAILED] = {500, "/problems/internal", {"Máy chủ gặp lỗi", "The server failed"},
		{"Sáng kiến chưa được lưu.", "Nothing was kept."}},
	[PROBLEM_UNAVAILABLE] = {503, "/problems/unavailable", {"Hệ thống đang bận", "The system is busy"},
		{"Sáng kiến chưa được lưu: xin gửi lại sau ít giây.",
			"Nothing was kept: please send it again in a few seconds."}},
	[PROBLEM_REVIEW_UNAVAILABLE] = {503, "/problems/unavailable", {"Hệ thống đang bận", "The system is busy"},
		{"Chưa có gì thay đổi: xin gửi lại sau ít giây.",
			"Nothing was changed: please send it again in a few seconds."}},
	[PROBLEM_QUESTION_UNAVAILABLE] = {503, "/problems/unavailable", {"Hệ thống đang bận", "The system is busy"},
		{"Chưa so sánh được: xin hỏi lại sau ít giây.",
			"It could not be compared: please ask again in a few seconds."}},
	[PROBLEM_ASKED_TOO_OFTEN] = {429, "/problems/rate_limited",
		{"Quá nhiều câu hỏi cùng lúc", "Too many questions at once"},
		{"Xin hỏi lại sau ít giây.", "Please ask again in a few seconds."}},
	[PROBLEM_NOTHING_BESIDE] = {404, "/problems/not_found",
		{"Không có sáng kiến để đối chiếu", "There is nothing to compare it with"},
		{"Không có sáng kiến mang mã này, hoặc nó không giống sáng kiến nào của chương trình.",
			"No submission has this tracking code, or it resembles none of the campaign."}},
	[PROBLEM_REVIEW_UNKNOWN] = {504, "/problems/outcome_unknown",
		{"Chưa biết quyết định đã được ghi hay chưa", "It could not be learnt whether it was decided"},
		{"Xin gửi lại đúng quyết định này: nó chỉ được ghi một lần.",
			"Send the same decision again: it is made once."}},
	[PROBLEM_OUTCOME_UNKNOWN] = {504, "/problems/outcome_unknown",
		{"Chưa biết sáng kiến đã được lưu hay chưa", "It could not be learnt whether it was kept"},
		{"Xin gửi lại với cùng Idempotency-Key.", "Send it again with the same Idempotency-Key."}},
};

const struct problem_words *problem_words(enum problem problem)
{
	assert(problem > PROBLEM_NONE && problem < PROBLEM_COUNT);
	return &WORDS[problem];
}

enum problem problem_of_json(enum json_fault fault)
{
	static const enum problem PROBLEMS[] = {
		[JSON_OK] = PROBLEM_NONE,
		[JSON_NOT_UTF8] = PROBLEM_NOT_UTF8,
		[JSON_NUL] = PROBLEM_NUL,
		[JSON_NOT_JSON] = PROBLEM_NOT_JSON,
		[JSON_DUPLICATE_KEY] = PROBLEM_DUPLICATE_KEY,
		[JSON_TOO_DEEP] = PROBLEM_TOO_DEEP,
		[JSON_NO_MEMORY] = PROBLEM_TOO_COMPLEX,
	};
	return PROBLEMS[fault];
}

void problem_errors(const struct shape *shape, bool english, struct buffer *out)
{
	for (size_t i = 0; i < shape->error_count; i++) {
		const struct field_error *error = &shape->errors[i];
		char field[80];
		size_t size = error->field.size < sizeof(field) ? error->field.size : sizeof(field) - 1;
		memcpy(field, error->field.data, size);
		field[size] = '\0';
		buffer_text(out, i > 0 ? ",{\"field\":" : "{\"field\":");
		buffer_json(out, error->field);
		buffer_format(out, ",\"code\":\"%s\",\"message\":", error->code);
		buffer_json_text(out, reason_text(error->code, field, english));
		buffer_text(out, "}");
	}
}
