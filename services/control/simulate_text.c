#include "services/control/simulate_text.h"

#include <string.h>

/* Content words; a text's own substance is a sequence of them, so that five of them in a row are hardly ever met twice.
 */
static const char *const WORDS[] = {"khuôn ép", "trục chính", "băng tải", "lò hơi", "máy cắt", "van xả", "cầu trục",
	"bơm dầu", "tủ điện", "cảm biến", "bảng màu", "phiếu nhập", "hồ sơ", "sổ khám", "đơn thuốc", "ca trực",
	"giáo án", "thư viện", "phòng máy", "vườn ươm", "kho lạnh", "xe nâng", "pa lét", "giá đỡ", "bu lông", "gioăng",
	"bạc lót", "vòng bi", "dao phay", "đồ gá", "que hàn", "khí nén", "nước thải", "bể lắng", "than cám", "lưới lọc",
	"quạt hút", "ống gió", "động cơ", "biến tần", "rơ le", "cáp ngầm", "trạm cân", "barcode", "phần mềm",
	"bảng tính", "máy in", "mã vạch", "chữ ký số", "biên bản", "lịch họp", "quy trình", "kế toán", "công nợ",
	"tiền lương", "bữa ăn ca", "nhà trẻ", "ký túc xá", "đường ray", "toa xe", "tà vẹt", "cột mốc", "đập tràn",
	"kênh mương", "giống lúa", "cao su", "mủ nước", "chè búp", "cà phê", "hạt điều", "tôm giống", "ao nuôi",
	"chuồng trại", "phân vi sinh", "bao bì", "nhãn mác", "chỉ may", "vải cắt", "kim thêu", "đế giày", "keo dán",
	"da thuộc", "gỗ ép", "ván sàn", "sơn lót", "gạch nung", "xi măng", "cốt thép", "giàn giáo", "ván khuôn",
	"bê tông", "nhựa đường", "lu rung", "máy xúc", "hầm lò", "vì chống", "mũi khoan", "thuốc nổ", "goòng",
	"tời kéo", "phao cứu", "cần cẩu", "cầu cảng", "container", "hải đồ", "buồng lái", "vỏ tàu", "chân vịt",
	"đường băng", "xe thang", "hành lý", "vé tàu", "quầy thu", "máy đếm", "thẻ từ", "két sắt", "tổng đài",
	"trạm phát", "ăng ten", "cáp quang", "modem", "máy chủ", "sao lưu", "tường lửa", "bản đồ số", "ảnh vệ tinh",
	"mẫu máu", "kính lúp", "máy thở", "bơm tiêm", "giường bệnh", "xe lăn", "khẩu trang", "tủ sấy", "nồi hấp",
	"ống nghiệm", "kính hiển vi", "thí nghiệm", "bảng tương tác", "sân chơi", "bếp ăn", "lớp ghép", "học liệu",
	"đề thi", "học bạ", "hòm thư", "một cửa", "hộ tịch", "địa chính", "thuế đất", "tờ khai", "con dấu", "lưu trữ",
	"phòng cháy", "bình bọt", "vòi chữa", "mũ bảo hộ", "găng tay", "kính chắn", "dây đai", "còi báo", "đèn led",
	"pin mặt trời", "tụ bù", "máy nén", "tháp giải nhiệt", "gầu tải", "silo", "cân định lượng", "máy trộn",
	"phễu rót", "lon thép", "chai thủy tinh", "nắp chụp", "màng co", "dây chuyền hai", "tổ năm", "phân xưởng bốn",
	"khoa nội", "khoa nhi", "đội xe", "trạm bơm", "kho vật tư", "phòng kế hoạch", "bàn nguội", "thước cặp",
	"đồng hồ so", "máy hàn", "robot gắp", "tay kẹp", "xi lanh", "mặt bích", "ống mềm", "dầu thủy lực", "mỡ bò",
	"phoi thép", "nước làm mát", "đá mài", "bánh răng", "xích tải", "puly", "dây cu roa", "khớp nối", "hộp số",
	"phanh từ", "công tắc", "nút dừng", "màn hình", "loa báo", "camera", "thẻ kanban", "bảng andon"};
static const char *const VERBS[] = {"cải tiến", "thay thế", "bố trí lại", "chế tạo", "lắp thêm", "số hóa", "rút gọn",
	"ghép nối", "tách riêng", "tự động hóa", "gia cố", "tận dụng", "phục hồi", "hiệu chỉnh", "đánh số", "cách ly",
	"treo", "nâng cao", "hạ thấp", "xoay chiều", "bọc lót", "phân loại", "đo nhanh", "ghi nhận", "nhắc việc",
	"chia sẻ"};
static const char *const OPENINGS[] = {"Trước đây việc xử lý %W và %W tại %W mất nhiều công, %W thường bị ảnh hưởng. ",
	"Thực tế ở %W cho thấy %W hay hỏng khi %W chạy cùng %W. ", "Mỗi tháng %W phải dừng %N lần vì %W vướng %W. ",
	"Anh chị em ở %W nhiều lần phản ánh %W khó dùng, nhất là lúc %W gần %W. ",
	"Qua theo dõi %N ca, tổ nhận ra %W lệch so với %W. ", "Khách hàng trả lại %W do %W lẫn vào %W. ",
	"Vào mùa mưa %W ẩm, kéo theo %W và %W xuống cấp. ", "Định mức của %W cao gấp rưỡi %W, nguyên nhân từ %W. ",
	"Người mới vào nghề lúng túng giữa %W với %W. ", "Kiểm tra định kỳ phát hiện %W rò, %W mòn, %W nứt. ",
	"Hội nghị người lao động giao cho %W tìm cách giữ %W. ", "Phụ huynh, bệnh nhân hay hỏi về %W mà %W chưa có. "};
static const char *const MIDDLES[] = {"Giải pháp là %V %W bằng %W, đồng thời %V %W theo %W. ",
	"Chúng tôi %V %W, dùng %W nối với %W và %V %W sau %N phút. ",
	"Cách làm mới: %V %W trước, rồi %V %W bên cạnh %W, cuối cùng %V %W. ",
	"Nhóm đã thử %V %W với %W trong %N ngày, sau đó %V %W cho %W. ",
	"Điểm khác là %W không còn phụ thuộc %W mà %V qua %W và %W. ", "Bước đầu vẽ lại %W, tính tải cho %W, chọn %W. ",
	"Vật liệu lấy từ %W thải loại, tốn %N nghìn đồng cho mỗi %W. ",
	"Tay đòn dài %N phân đặt giữa %W với %W, lò xo giữ %W. ",
	"Một bảng chia ô nhắc %W trước, %W sau, ai làm thì ký. ", "Chương trình nhỏ đọc %W, đối chiếu %W rồi báo %W. ",
	"Ống dẫn vòng qua %W nhờ %W, thêm phin ở %W. ", "Thay vì khiêng %W, hai người đẩy %W trên %W. ",
	"Chu kỳ bảo dưỡng %W đổi thành %N giờ theo dấu hiệu ở %W. ", "Lớp học nhỏ mười phút đầu ca kể chuyện %W, %W. ",
	"Mẫu biểu gộp %W cùng %W, bỏ hẳn %W. ", "Dưỡng đo khắc sẵn cho %W, khỏi phải tháo %W. ",
	"Tận dụng nhiệt của %W sấy %W, nước ngưng về %W. ", "Cảm nhận rung từ %W truyền sang %W, đèn nháy tại %W. "};
static const char *const CLOSINGS[] = {"Kết quả: %W giảm %N phần trăm, %W bền hơn, %W gọn hơn.",
	"Sau khi áp dụng, %W tiết kiệm %N triệu đồng một năm, %W và %W đều an toàn hơn.",
	"Đến nay %N người dùng %W thay cho %W, thời gian chờ %W còn một nửa.",
	"Mỗi quý dôi ra %N triệu, tái đầu tư cho %W.", "Không còn tai nạn ở %W, %W sạch hẳn.",
	"Hồ sơ trả đúng hẹn, %W thôi phải hỏi %W.", "Tỷ lệ lỗi %W từ %N phần nghìn xuống gần không nhờ %W."};
static const char *const SURNAMES[] = {"Nguyễn", "Trần", "Lê", "Phạm", "Hoàng", "Phan", "Vũ", "Đặng", "Bùi", "Đỗ", "Hồ",
	"Ngô", "Dương", "Lý", "Vi", "Lò"};
static const char *const MIDDLE_NAMES[] = {"Thị", "Văn", "Đức", "Ngọc", "Minh", "Thanh", "Quốc", "Hữu", "Kim", "Xuân"};
static const char *const GIVEN_NAMES[] = {"Lan", "Hùng", "Mai", "Tuấn", "Hoa", "Dũng", "Hạnh", "Sơn", "Thủy", "Long",
	"Yến", "Khánh", "Trang", "Phúc", "Nga", "Bình", "Loan", "Cường", "Thảo", "Quang", "Ánh", "Đạt", "Huệ", "Vinh"};

uint64_t simulate_mix(uint64_t seed, uint64_t number, uint64_t salt)
{
	uint64_t z = seed * 0x9e3779b97f4a7c15u + number * 0xd1342543de82ef95u + salt * 0x2545f4914f6cdd1du;
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

struct dice {
	uint64_t seed, number, salt;
};

static uint64_t roll(struct dice *dice, uint64_t sides)
{
	return simulate_mix(dice->seed, dice->number, dice->salt++) % sides;
}

#define PICK(dice, list) ((list)[roll((dice), ARRAY_LENGTH(list))])

/* A content slot is two words: some 50,000 of them, of which a text has about 30. */
static void fill_pattern(struct dice *dice, const char *pattern, struct buffer *out)
{
	for (const char *c = pattern; *c != '\0'; c++) {
		if (*c != '%') {
			buffer_add(out, c, 1);
			continue;
		}
		switch (*++c) {
		case 'W':
			buffer_text(out, PICK(dice, WORDS));
			buffer_text(out, " ");
			buffer_text(out, PICK(dice, WORDS));
			break;
		case 'V':
			buffer_text(out, PICK(dice, VERBS));
			break;
		default:
			buffer_format(out, "%u", (unsigned)(2 + roll(dice, 97)));
		}
	}
}

void simulate_text(uint64_t seed, uint64_t number, struct buffer *out)
{
	struct dice dice = {seed, number, 1};
	fill_pattern(&dice, PICK(&dice, OPENINGS), out);
	for (uint64_t left = 3 + roll(&dice, 4); left > 0; left--)
		fill_pattern(&dice, PICK(&dice, MIDDLES), out);
	fill_pattern(&dice, PICK(&dice, CLOSINGS), out);
}

/* Every copy folds to the same text: ASCII letters change case, spaces double. */
void simulate_copy(uint64_t seed, uint64_t number, uint64_t copy, struct buffer *out)
{
	struct buffer original CLEANUP(buffer_deinit) = {0};
	struct dice dice = {seed ^ 0x5bd1e995, number, copy * 1000};
	simulate_text(seed, number, &original);
	for (size_t i = 0; i < original.size; i++) {
		uint8_t c = original.data[i];
		if (c >= 'a' && c <= 'z' && roll(&dice, 16) == 0)
			c = (uint8_t)(c - 'a' + 'A');
		buffer_add(out, &c, 1);
		if (c == ' ' && roll(&dice, 12) == 0)
			buffer_add(out, " ", 1);
	}
}

void simulate_name(uint64_t seed, uint64_t number, struct buffer *out)
{
	struct dice dice = {seed ^ 0x6e616d65, number, 1};
	buffer_text(out, PICK(&dice, SURNAMES));
	buffer_text(out, " ");
	buffer_text(out, PICK(&dice, MIDDLE_NAMES));
	buffer_text(out, " ");
	buffer_text(out, PICK(&dice, GIVEN_NAMES));
}
