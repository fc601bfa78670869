"""Made-up Vietnamese texts of which no two resemble each other."""
import random

SYLLABLES = ("an ba bao bình cao cát chi chính công cung dao dây dầu diện đá đào đất đèn điện đo đồng gạch gang giá gió giấy gỗ "
             "hàn hóa hộp hơi in kê kéo kẹp khay khí kho khoan khuôn kìm lá lạnh lăn lò lọc lưới mài màng máng máy mạch mẫu men "
             "mỏ móc nắp ngói nhám nhôm nhựa nồi nung nước ống pha phanh phễu phôi quay quạt rãnh rèn rơ sàng sạc sắt sấy sơn "
             "sợi tải tay than thang thép thùng tôn trộn trục tụ tưới van vải vành vít xả xăng xe xích xoay").split()


def distinct_text(number, words=45):
    """The same number gives the same text."""
    dice = random.Random(f"sangkien-{number}")
    return "Cải tiến: " + " ".join(dice.choice(SYLLABLES) for _ in range(words)) + "."
