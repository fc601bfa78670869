"""Vietnamese text as it looks when it was typed for a font of TCVN3 or VNI-Windows and pasted as Latin."""
import unicodedata

# Behind the plain letters: with a circumflex, breve or horn, and the tones grave, hook, tilde, acute, dot below.
_TONES = ["", "\u0300", "\u0309", "\u0303", "\u0301", "\u0323"]
_TCVN3 = {
    "a": [0x61, 0xB5, 0xB6, 0xB7, 0xB8, 0xB9], "ă": [0xA8, 0xBB, 0xBC, 0xBD, 0xBE, 0xC6],
    "â": [0xA9, 0xC7, 0xC8, 0xC9, 0xCA, 0xCB], "e": [0x65, 0xCC, 0xCE, 0xCF, 0xD0, 0xD1],
    "ê": [0xAA, 0xD2, 0xD3, 0xD4, 0xD5, 0xD6], "i": [0x69, 0xD7, 0xD8, 0xDC, 0xDD, 0xDE],
    "o": [0x6F, 0xDF, 0xE1, 0xE2, 0xE3, 0xE4], "ô": [0xAB, 0xE5, 0xE6, 0xE7, 0xE8, 0xE9],
    "ơ": [0xAC, 0xEA, 0xEB, 0xEC, 0xED, 0xEE], "u": [0x75, 0xEF, 0xF1, 0xF2, 0xF3, 0xF4],
    "ư": [0xAD, 0xF5, 0xF6, 0xF7, 0xF8, 0xF9], "y": [0x79, 0xFA, 0xFB, 0xFC, 0xFD, 0xFE],
}
_VNI_MARKS = {"": ["", "ø", "û", "õ", "ù", "ï"], "â": ["â", "à", "å", "ã", "á", "ä"], "ă": ["ê", "è", "ú", "ü", "é", "ë"]}
_VNI_BASE = {"a": "a", "e": "e", "o": "o", "u": "u", "y": "y", "ơ": "ô", "ư": "ö"}


def _letters(table, capital):
    """From each composed letter, small and capital, to what is written."""
    made = {}
    for base, written in table.items():
        for tone, one in zip(_TONES, written):
            letter = unicodedata.normalize("NFC", base + tone)
            made[letter] = one
            made.setdefault(letter.upper(), capital(one))
    return made


def tcvn3(text):
    """Capitals are those of a font of their own: the same codes."""
    table = _letters({base: [chr(code) for code in codes] for base, codes in _TCVN3.items()},
                     lambda one: one.upper() if one.isascii() else one)
    table.update({"đ": "®", "Đ": "§"})
    return "".join(table.get(letter, letter) for letter in unicodedata.normalize("NFC", text))


def vni(text):
    table = {base: [written + mark for mark in _VNI_MARKS[""]] for base, written in _VNI_BASE.items()}
    table.update({"â": ["a" + m for m in _VNI_MARKS["â"]], "ê": ["e" + m for m in _VNI_MARKS["â"]],
                  "ô": ["o" + m for m in _VNI_MARKS["â"]], "ă": ["a" + m for m in _VNI_MARKS["ă"]],
                  "i": ["i", "ì", "æ", "ó", "í", "ò"]})
    letters = _letters(table, str.upper)
    letters.update({"ỵ": "î", "Ỵ": "Î", "đ": "ñ", "Đ": "Ñ"})
    return "".join(letters.get(letter, letter) for letter in unicodedata.normalize("NFC", text))
