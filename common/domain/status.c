#include "common/domain/status.h"

#include <string.h>

static const char *const STATUS_NAMES[] = {
	[STATUS_RECEIVED] = "received",
	[STATUS_UNDER_REVIEW] = "under_review",
	[STATUS_COUNTED] = "counted",
	[STATUS_REJECTED] = "rejected",
	[STATUS_DUPLICATE] = "duplicate",
	[STATUS_REVOKED] = "revoked",
};

const char *status_name(enum submission_status status)
{
	assert((size_t)status < ARRAY_LENGTH(STATUS_NAMES));
	return STATUS_NAMES[status];
}

bool status_parse(const char *name, enum submission_status *status)
{
	for (size_t i = 0; i < ARRAY_LENGTH(STATUS_NAMES); i++)
		if (strcmp(name, STATUS_NAMES[i]) == 0) {
			*status = (enum submission_status)i;
			return true;
		}
	return false;
}

bool status_is_final(enum submission_status status)
{
	return status != STATUS_RECEIVED && status != STATUS_UNDER_REVIEW;
}

static const char *const BLOCK_NAMES[] = {
	[BLOCK_NONE] = "",
	[BLOCK_ENTERPRISE] = "enterprise",
	[BLOCK_PUBLIC] = "public",
};

const char *block_name(enum submission_block block)
{
	assert((size_t)block < ARRAY_LENGTH(BLOCK_NAMES));
	return BLOCK_NAMES[block];
}

bool block_parse(const char *name, enum submission_block *block)
{
	for (size_t i = BLOCK_ENTERPRISE; i < ARRAY_LENGTH(BLOCK_NAMES); i++)
		if (strcmp(name, BLOCK_NAMES[i]) == 0) {
			*block = (enum submission_block)i;
			return true;
		}
	return false;
}

struct reason_words {
	const char *code;
	const char *field; /* NULL: of any field */
	const char *vi, *en;
};

/* The words of a field stand before those of any field: the first match speaks. */
static const struct reason_words REASONS[] = {
	{"required", "full_name", "Hãy điền họ và tên.", "Fill in the full name."},
	{"required", "phone", "Hãy điền số điện thoại.", "Fill in the phone number."},
	{"required", "national_id", "Hãy điền số CMND (9 số) hoặc CCCD (12 số).",
		"Fill in the national ID: 9 or 12 digits."},
	{"required", "unit", "Hãy chọn đơn vị.", "Choose the unit."},
	{"required", "block", "Hãy chọn khối: doanh nghiệp hoặc cơ quan, hành chính sự nghiệp.",
		"Choose the block: enterprise or public."},
	{"required", "category", "Hãy chọn đối tượng tham gia.", "Choose the category of participant."},
	{"required", "kind", "Hãy chọn loại giải pháp.", "Choose the kind of solution."},
	{"required", "title", "Hãy điền tên sáng kiến.", "Fill in the title of the initiative."},
	{"required", "description", "Hãy mô tả nội dung sáng kiến.", "Describe the initiative."},
	{"required", "applied_on", "Hãy điền ngày áp dụng lần đầu hoặc áp dụng thử.",
		"Fill in the day it was first applied or trialled."},
	{"required", "recognized_by", "Hãy điền cơ quan, người đã công nhận sáng kiến.",
		"Fill in who recognised the initiative."},
	{"required", "accepted_on", "Đề tài nghiên cứu cần ngày nghiệm thu: hãy điền ngày đó.",
		"A research topic needs the day it was accepted: fill it in."},
	{"required", "evidence_url", "Hãy điền đường dẫn đến minh chứng.", "Fill in the link to the evidence."},
	{"required", NULL, "Mục này bắt buộc: hãy điền vào.", "This field is required: fill it in."},
	{"invalid", "phone", "Số điện thoại không đúng: hãy điền số di động hoặc cố định Việt Nam.",
		"Not a phone number: give a Vietnamese mobile or landline number."},
	{"invalid", "national_id", "Số CMND phải có 9 chữ số, CCCD phải có 12 chữ số.",
		"A national ID has 9 or 12 digits."},
	{"invalid", "block", "Khối này không thuộc chương trình: hãy chọn khối trong danh sách.",
		"This block does not take part in the campaign: choose one of its list."},
	{"invalid", "category", "Đối tượng này không có trong chương trình: hãy chọn trong danh sách.",
		"The campaign has no such category: choose one of its list."},
	{"invalid", "kind", "Loại giải pháp này không có trong chương trình: hãy chọn trong danh sách.",
		"The campaign has no such kind: choose one of its list."},
	{"invalid", "evidence_url", "Đường dẫn minh chứng phải bắt đầu bằng https://.",
		"The link to the evidence must begin with https://."},
	{"invalid", NULL, "Giá trị của mục này không đúng: hãy sửa lại.", "The value is not valid: correct it."},
	{"too_long", "description", "Mô tả dài quá giới hạn của chương trình: hãy rút gọn.",
		"The description is over the campaign's limit: shorten it."},
	{"too_long", NULL, "Nội dung dài quá giới hạn: hãy rút gọn.", "The text is too long: shorten it."},
	{"too_short", NULL, "Nội dung quá ngắn: hãy viết rõ hơn.", "The text is too short: say more."},
	{"unknown_field", NULL, "Không có mục này: hãy bỏ đi hoặc sửa tên.",
		"There is no such field: remove it or correct its name."},
	{"unknown_unit", NULL, "Đơn vị không có hoặc không nhận sáng kiến: hãy chọn đơn vị trong danh sách.",
		"The unit is unknown or takes no submissions: choose one of the list."},
	{"outside_window", "applied_on", "Ngày áp dụng nằm ngoài thời gian của chương trình: hãy kiểm tra lại ngày.",
		"The day it was applied is outside the campaign's window: check the date."},
	{"outside_window", "recognized_on",
		"Ngày công nhận nằm ngoài thời gian của chương trình: hãy kiểm tra lại ngày.",
		"The day it was recognised is outside the campaign's window: check the date."},
	{"outside_window", "accepted_on",
		"Ngày nghiệm thu nằm ngoài thời gian của chương trình: hãy kiểm tra lại ngày.",
		"The day it was accepted is outside the campaign's window: check the date."},
	{"outside_window", NULL, "Ngày nằm ngoài thời gian của chương trình: hãy kiểm tra lại ngày.",
		"The date is outside the campaign's window: check it."},
	{"not_recognised", NULL,
		"Sáng kiến chưa được hội đồng sáng kiến hoặc thủ trưởng đơn vị công nhận: hãy điền ngày công nhận bằng "
		"văn bản.",
		"Not recognised by the initiative council or the head of the unit: give the date of the written "
		"recognition."},
	{"ip_protected", NULL, "Giải pháp đang được bảo hộ sở hữu trí tuệ thì không được tham gia chương trình.",
		"A solution under intellectual property protection cannot take part."},
	{"not_lead_author", NULL, "Sáng kiến có nhiều tác giả: chỉ chủ nhiệm hoặc tác giả đóng góp nhiều nhất gửi.",
		"With several authors only the lead or the largest contributor submits."},
	{"own_duplicate", NULL, "Bạn đã gửi nội dung này rồi: không cần gửi lại.",
		"You have submitted this text before: there is no need to send it again."},
	{"duplicate", NULL,
		"Nội dung trùng với một sáng kiến đã có: nếu là sáng kiến khác, hãy mô tả rõ điểm khác và gửi lại.",
		"The text is that of an earlier initiative: if yours differs, describe how and submit again."},
	{"legacy_encoding", NULL,
		"Nội dung gõ bằng bảng mã cũ (TCVN3/ABC hoặc VNI) nên không đọc được: hãy chuyển sang Unicode rồi gửi "
		"lại.",
		"The text was typed in an encoding of before Unicode (TCVN3/ABC or VNI) and cannot be read: convert it "
		"to "
		"Unicode and submit it again."},
	{"original_revoked", NULL,
		"Sáng kiến trùng gửi trước không còn được tính: sáng kiến này đang được xem xét lại.",
		"The earlier text it repeated counts no more: this one is under review again."},
};

const char *reason_text(const char *code, const char *field, bool english)
{
	for (size_t i = 0; i < ARRAY_LENGTH(REASONS); i++) {
		const struct reason_words *words = &REASONS[i];
		if (strcmp(words->code, code) != 0)
			continue;
		if (words->field == NULL || (field != NULL && strcmp(words->field, field) == 0))
			return english ? words->en : words->vi;
	}
	return code;
}
