"""Initiatives made from a seed, copies of them as people and scanners make them, and texts that only look alike.

None of the words are those of the labelled set: forms, declarations, sentences and edits are of this file. `make(seed, n)`
gives rows in the order of arrival as the scorer of the labelled set takes them (id, text, cluster, truth, operator). What is
a copy follows its rule: of the folded windows of five letters of the smaller one's own words at least 0.80 are in the other's,
and neither is more than half as long again; less is grey and not judged. What is undone by folding (look-alike letters, wide
forms, bullets) is measured before it is done.
"""
import random
import re
import unicodedata

from harness.texts import SYLLABLES

ACTORS = """tổ cơ điện|nhóm may số bốn|bộ phận đóng gói|ca trực đêm|xưởng hàn|tổ nấu ăn|phòng kế toán|kho thành phẩm
đội lái xe nâng|khoa xét nghiệm|tổ bảo trì|lớp lá|văn phòng công đoàn|tổ vệ sinh|trạm bơm|phòng tiếp dân|tổ khuôn mẫu
đội cây xanh|xưởng mộc|tổ kiểm vải|thư viện trường|quầy thuốc|trạm biến áp|tổ lò hơi|bãi xe|phòng nhân sự|tổ cắt
dây chuyền lắp ráp|tổ sơn|phòng thí nghiệm""".replace("\n", "|").split("|")
WORKS = """vận chuyển cuộn vải|cân nguyên liệu|ghi sổ giao ca|tra dầu máy|lọc nước thải|xếp thùng hàng|đo nhiệt độ lò
soạn hồ sơ bệnh án|kiểm kê vật tư|tưới cây|rửa khay|in nhãn|thay dao cắt|trả lời đơn thư|chấm công|điều xe|sấy gỗ
pha màu|đếm bulông|ủ phân hữu cơ|phát thuốc|thu học phí|trông giữ xe|bốc xếp xi măng|gấp áo|hút bụi|treo biển báo
kiểm tra mối hàn|nạp gas|tháo khuôn""".replace("\n", "|").split("|")
TOOLS = """giá lăn bằng ống thép|bảng màu ba ô|mã vạch dán cạnh kệ|công tắc phao|máng trượt gỗ|đồng hồ hẹn giờ|tấm chắn mica
phiếu một trang|xe đẩy hai tầng|bộ lọc than|kẹp lò xo|tệp bảng tính chung|chuông báo|thùng có bánh xe|giá treo xoay
đèn cảm biến|khung tre|vòi phun sương|thẻ đeo tay|hộp phân loại|thước gá nhôm|dây đai nylon|cân treo điện tử
bạt che cuộn|máy bơm cũ|ống nhựa cắt đôi|nhóm tin nhắn nội bộ""".replace("\n", "|").split("|")
TROUBLES = """mỗi lần phải gọi thêm hai người|giấy tờ hay thất lạc|tay áo dễ mắc vào trục|nước đọng thành vũng
hàng đổ khi xe quay đầu|người mới khó nhớ thứ tự|máy dừng giữa chừng|bụi bay sang khu bên|đơn chờ đến chiều|tem bị ướt
số liệu hai sổ lệch nhau|lưng đau sau nửa ca|khách phải quay lại nhiều lần|vật liệu thừa bỏ phí|tiếng ồn vượt mức
đường đi bị lấp|dao cùn không ai báo|pin hết giữa chừng""".replace("\n", "|").split("|")
GAINS = """bớt {n} phút mỗi lượt|mỗi tháng đỡ {n} ký nguyên liệu|không còn ai bị thương ở tay|tiết kiệm {n} triệu đồng một năm
lỗi giảm {n} phần trăm|khách chờ không quá {n} phút|sổ sách khớp ngay trong ngày|thêm {n} sản phẩm một giờ
điện giảm {n} số|một người làm thay hai""".replace("\n", "|").split("|")
WAYS = [
    "Trước đây {a} {w} bằng tay nên {t}.",
    "Khi {w}, {a} thường gặp cảnh {t} và {t2}.",
    "Chúng tôi gắn {o} ngay chỗ {w}, cạnh {o2}.",
    "Cách làm: lấy {o} ghép với {o2}, cố định bằng bốn vít, rồi giao {a} giữ.",
    "{o} được đặt cách mặt đất {n} phân để {w} không phải cúi.",
    "Nhờ vậy {g} và {g2}.",
    "Sau {n} ngày thử ở {a}, {g}.",
    "Mỗi sáng {a} kiểm {o} một lần, ghi lại nếu {t}.",
    "Vật liệu chỉ gồm {o}, mua hết {n} trăm nghìn đồng.",
    "{a} đã chỉ lại cho {a2} cách dùng {o} khi {w}.",
    "Nếu {t} thì {a} tháo {o} ra trong {n} giây.",
    "Việc {w} nay do một người làm, {a2} chỉ đứng xem {o}.",
]
# What stands before, within and behind one's own words.
COPIES = ("\nBản kê này lập thành hai bản có giá trị như nhau, một bản lưu ở công đoàn, một bản giao lại cho người đề xuất để "
          "theo dõi. Người đề xuất đồng ý để đơn vị phổ biến cách làm cho nơi khác, không đòi thù lao, và sẽ hướng dẫn khi được "
          "yêu cầu. Mọi số liệu do tổ trưởng xác nhận tại chỗ, có hai người chứng kiến ký tên bên dưới. ")
MINUTES = ("\nTổ xét nhận thấy cách làm hợp lý, chưa nơi nào trong đơn vị từng làm, chi phí thấp, dễ nhân rộng; giao bộ phận văn "
           "phòng lưu hồ sơ, giao kế toán tính số tiền làm lợi, giao công đoàn biểu dương trong buổi họp gần nhất. Biên bản đọc "
           "lại cho mọi người cùng nghe, không ai có ý kiến khác.")
LONG_FORMS = [
    ("", "\n", COPIES),
    ("BIÊN BẢN GHI NHẬN SÁNG KIẾN\nHôm nay, tại phòng họp, tổ xét gồm ba người đã nghe và hỏi, thống nhất ghi như sau.\n"
     "Nội dung một: ", "\nNội dung hai: ", MINUTES),
]
FORMS = LONG_FORMS + [
    ("Kính gửi Ban giám khảo hội thi ý tưởng mới.\nPhần A. Vì sao phải đổi\n", "\nPhần C. Được gì\n",
     "\nNgười viết xin chịu trách nhiệm về lời kể trên."),
    ("PHIẾU ĐỀ XUẤT CẢI TIẾN\n(dùng cho mọi tổ, mỗi phiếu một việc)\nHiện trạng: ", "\nĐề xuất và kết quả: ", ""),
    ("1) Chỗ khó\n", "\n2) Lối ra\n", "\n3) Ý kiến tổ trưởng: nhất trí, đề nghị cấp trên xem xét ghi nhận."),
    ("Thưa quý công đoàn, tôi gửi kèm đây câu chuyện nhỏ của tổ mình. ", " ", " Xin cảm ơn đã đọc đến dòng này."),
]
SHORTENED = {"công đoàn": "CĐ", "người lao động": "NLĐ", "an toàn": "AT", "sản phẩm": "SP", "nguyên liệu": "NL",
             "kiểm tra": "KT", "phần trăm": "%", "triệu đồng": "trđ", "không": "ko", "được": "đc", "với": "vs", "một": "1",
             "hai": "2", "bằng": "=", "nghìn": "k"}
MISREAD = {"0": "O", "o": "0", "1": "l", "l": "1", "I": "l", "i": "1", "m": "rn", "h": "b", "c": "e", "g": "q",
           "5": "S", "u": "n"}
MARKS = [lambda i: "- ", lambda i: "• ", lambda i: f"{i}. ", lambda i: f"{chr(96 + i % 26)}) ", lambda i: "➢ "]
LOOK_ALIKE = str.maketrans("aceopxyAEOPCTHKMBi", "асеорхуАЕОРСТНКМВі")
GREEK = str.maketrans("oνuvAEHIKMNOPTXYZ", "ονυνΑΕΗΙΚΜΝΟΡΤΧΥΖ")


def fold(text):
    text = unicodedata.normalize("NFKD", text.casefold().replace("đ", "d"))
    return " ".join(re.sub(r"[^a-z0-9]+", " ", "".join(c for c in text if not unicodedata.combining(c))).split())


def windows(text):
    folded = fold(text)
    return {folded[i:i + 5] for i in range(max(1, len(folded) - 4))}


def is_copy(a, b):
    """None: grey."""
    one, other = windows(a), windows(b)
    smaller, larger = sorted((len(one), len(other)))
    return len(one & other) >= 0.8 * smaller and larger <= 1.5 * smaller or None


class Maker:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def sentence(self):
        pick = self.random.choice
        text = pick(WAYS).format(a=pick(ACTORS), a2=pick(ACTORS), w=pick(WORKS), o=pick(TOOLS), o2=pick(TOOLS),
                                 t=pick(TROUBLES), t2=pick(TROUBLES), g=pick(GAINS), g2=pick(GAINS), n=self.random.randint(2, 95))
        text = text.replace("{n}", str(self.random.randint(3, 80)))
        if self.random.random() < 0.75:  # in words that are hardly anybody else's
            own = " ".join(self.random.choice(SYLLABLES) for _ in range(self.random.randint(5, 16)))
            text = text[:-1] + self.random.choice([", vì ", "; ", ", tức là ", " (", " – "]) + own + "."
        return text[0].upper() + text[1:]

    def body(self):
        return [self.sentence() for _ in range(self.random.randint(4, 11))]

    def write(self, body, form):
        front, middle, end = form
        half = max(1, len(body) // 2)
        return front + " ".join(body[:half]) + middle + " ".join(body[half:]) + end

    # Edits that folding undoes ---------------------------------------------------------------------------------------

    def some_words(self, text, share, change):
        return "".join(change(word) if self.random.random() < share else word for word in re.split(r"(\s+)", text))

    def homoglyphs(self, text):
        return self.some_words(text, 0.5, lambda word: word.translate(LOOK_ALIKE))

    def greek(self, text):
        return self.some_words(text, 0.3, lambda word: word.translate(GREEK))

    def wide(self, text):
        def widen(word):
            return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in word)
        return self.some_words(text, 0.4, widen)

    def invisible(self, text):
        return self.some_words(text, 0.4, lambda word: self.random.choice("\u200b\u00ad\u2060\ufeff").join(word))

    # Edits that change the words ---------------------------------------------------------------------------------------

    def bullets(self, text):
        """Each sentence a line of its own, with a mark or a number before it."""
        mark = self.random.choice(MARKS)
        return "\n".join(mark(i + 1) + line for i, line in enumerate(re.split(r"(?<=\.) ", text)))

    def abbreviations(self, text):
        for whole, short in SHORTENED.items():
            if self.random.random() < 0.5:
                text = re.sub(rf"\b{whole}\b", short, text)
        return text

    def scanning(self, text, share=0.012):
        def read(c):
            return self.random.choice([MISREAD.get(c, c), MISREAD.get(c, c), c + " ", ""])
        return "".join(read(c) if self.random.random() < share else c for c in text)

    def lines_of_a_page(self, text):
        words, lines = text.split(), []
        while words:
            take = self.random.randint(7, 11)
            lines.append(" ".join(words[:take]))
            words = words[take:]
            if len(lines) % 12 == 0:
                lines.append(f"Trang {len(lines) // 12}")
        return "\n".join(lines)

    def typos(self, text):
        return self.scanning(text, 0.006)

    def words_left_out(self, text):
        return self.some_words(text, 0.025, lambda word: " " if word.isspace() else "")

    def another_order(self, body):
        body = body[:]
        i = self.random.randrange(len(body) - 1)
        body[i], body[i + 1] = body[i + 1], body[i]
        return body

    def longer(self, body):
        return body + [self.sentence() for _ in range(max(1, len(body) // 4))]

    def shorter(self, body):
        return body[:max(2, len(body) * 3 // 4)]


UNDONE = ["homoglyphs", "greek", "wide", "invisible"]
WORDED = ["bullets", "abbreviations", "scanning", "lines_of_a_page", "typos", "words_left_out"]
RESTATED = ["another_order", "longer", "shorter"]


def copy_of(maker, body):
    """The edit's name, the body's new wording as it is judged, and as it is sent."""
    kind = maker.random.choice(UNDONE + WORDED + RESTATED + ["same", "two"])
    wording = " ".join(body)
    if kind in RESTATED:
        wording = " ".join(getattr(maker, kind)(body))
    elif kind in WORDED:
        wording = getattr(maker, kind)(wording)
    elif kind == "two":
        for one in maker.random.sample(WORDED, 2):
            wording = getattr(maker, one)(wording)
    sent = getattr(maker, kind)(wording) if kind in UNDONE else wording
    return kind, wording, sent


def make(seed, count):
    maker, rows, originals = Maker(seed), [], []
    while len(rows) < count:
        row = {"id": f"t{len(rows)}", "truth": "new", "cluster": f"c{len(rows)}"}
        form = maker.random.choice(FORMS)
        chance = maker.random.random()
        if chance < 0.4 and len(originals) > 20:
            number, body, first = maker.random.choice(originals)
            kind, wording, sent = copy_of(maker, body)
            form = first if maker.random.random() < 0.7 else form
            row.update(cluster=rows[number]["cluster"], operator=kind, text=form[0] + sent + form[1] + form[2],
                       truth="dup" if is_copy(" ".join(body), wording) else "grey")
        else:
            short = chance > 0.8
            body = maker.body() if not short else [maker.sentence() for _ in range(maker.random.randint(2, 3))]
            if short:  # a long declaration around little of one's own
                form = maker.random.choice(LONG_FORMS)
            elif originals and chance < 0.55:  # a sentence that somebody else wrote
                body.insert(1, maker.random.choice(maker.random.choice(originals)[1]))
            row.update(operator="hn_boilerplate" if short else "hn_plain", text=maker.write(body, form))
            originals.append((len(rows), body, form))
        rows.append(row)
    return rows


def judge(rows, decisions):
    """As the scorer of the labelled set: a copy linked to anything but an earlier one of its cluster is missed and wrong."""
    cluster = {row["id"]: row["cluster"] for row in rows}
    right = wrong = missed = 0
    found, accused = {}, {}
    for row, decision in zip(rows, decisions):
        named, kind = decision["duplicate_of"], row["operator"]
        hit = named is not None and cluster[named] == row["cluster"]
        if row["truth"] == "dup":
            found.setdefault(kind, []).append(hit)
            right, missed = right + hit, missed + (not hit)
        elif row["truth"] == "new":
            accused.setdefault(kind, []).append(named is not None)
        wrong += named is not None and not hit
    return {"precision": right / max(1, right + wrong), "recall": right / max(1, right + missed),
            "f1": 2 * right / max(1, 2 * right + wrong + missed),
            "recall_of": {kind: sum(hits) / len(hits) for kind, hits in found.items()},
            "accused_of": {kind: sum(hits) / len(hits) for kind, hits in accused.items()}}
