"""The built-in detectors: an expression that finds candidates in linear time, and a check that refuses look-alikes."""

import ipaddress
from collections.abc import Callable

import msgspec


class Detector(msgspec.Struct, frozen=True):
    """One kind of value."""

    name: str
    about: str
    """For people, one sentence."""
    pattern: str
    """RE2, over UTF-8 bytes."""
    sample: str
    """A text that it finds; made up."""
    needles: tuple[bytes, ...] | None = ()
    """Without one of these in a text there is nothing to find; empty asks for digits, None for nothing."""
    check: Callable[[bytes], bool] | None = None
    canonical: Callable[[bytes], bytes] | None = None
    """The form that is hashed, so that spellings of one value keep one mark."""
    opaque: bool = False
    """Whether it is also sought inside long runs of base64, of which such values are made themselves."""


_ISSUERS = (b"4", b"51", b"52", b"53", b"54", b"55", b"2", b"34", b"37", b"30", b"36", b"38", b"39", b"6", b"35")
_CARD_DIGITS = range(13, 20)
_PHONE_DIGITS = range(8, 16)
_IBAN_DIGITS = 97
_LONGEST_IBAN = 34
_NO_DIGITS = bytes(byte for byte in range(256) if not 48 <= byte <= 57)
_SHORTEST_V6 = 7


def luhn(digits: bytes) -> bool:
    """Return whether the last digit is the check digit of the others."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = digit - 48
        if place % 2:
            value = value * 2 - 9 if value > 4 else value * 2
        total += value
    return total % 10 == 0


def only_digits(found: bytes) -> bytes:
    """Return the digits alone."""
    return found.translate(None, _NO_DIGITS)


def _is_card(found: bytes) -> bool:
    digits = only_digits(found)
    return len(digits) in _CARD_DIGITS and digits.startswith(_ISSUERS) and len(set(digits)) > 1 and luhn(digits)


def _packed(found: bytes) -> bytes:
    return found.replace(b" ", b"").replace(b"-", b"").upper()


def _is_iban(found: bytes) -> bool:
    packed = _packed(found)
    if len(packed) > _LONGEST_IBAN:
        return False
    turned = packed[4:] + packed[:4]
    number = "".join(str(int(chr(byte), 36)) for byte in turned)
    return int(number) % _IBAN_DIGITS == 1


def _is_address(found: bytes) -> bool:
    if b":" in found and (len(found) < _SHORTEST_V6 or not only_digits(found)):
        # such as `a::b` in source code
        return False
    try:
        ipaddress.ip_address(found.decode("ascii"))
    except ValueError:
        return False
    return True


def _is_phone(found: bytes) -> bool:
    return len(only_digits(found)) in _PHONE_DIGITS


def _phone_form(found: bytes) -> bytes:
    digits = only_digits(found)
    return digits.removeprefix(b"00") if not found.startswith(b"+") else digits


def _is_ssn(found: bytes) -> bool:
    area, group, serial = found[:3], found[4:6], found[7:]
    return area not in (b"000", b"666") and area < b"900" and group != b"00" and serial != b"0000"


def _lower(found: bytes) -> bytes:
    return found.lower()


_VENDOR_KEYS = (
    r"sk-(?:ant-|proj-|svcacct-|or-v1-|lf-)?[A-Za-z0-9_-]{20,}",
    r"pk-lf-[0-9a-f-]{36}",
    r"ph[slov]?_[0-9A-Za-z]{46}",
    r"(?:AKIA|ASIA|ABIA|ACCA)[0-9A-Z]{16}",
    r"AIza[0-9A-Za-z_-]{35}",
    r"ya29\.[0-9A-Za-z_-]{20,}",
    r"gh[pousr]_[0-9A-Za-z]{36,}",
    r"github_pat_[0-9A-Za-z_]{22,}",
    r"glpat-[0-9A-Za-z_-]{20,}",
    r"xox[abeoprs]-[0-9A-Za-z-]{10,}",
    r"(?:sk|rk|pk)_(?:live|test)_[0-9A-Za-z]{16,}",
    r"hf_[0-9A-Za-z]{30,}",
    r"gsk_[0-9A-Za-z]{40,}",
    r"xai-[0-9A-Za-z]{40,}",
    r"pplx-[0-9A-Za-z]{40,}",
    r"r8_[0-9A-Za-z]{37}",
    r"nvapi-[0-9A-Za-z_-]{40,}",
    r"npm_[0-9A-Za-z]{36}",
    r"pypi-[0-9A-Za-z_-]{50,}",
    r"SG\.[0-9A-Za-z_-]{16,}\.[0-9A-Za-z_-]{30,}",
    r"lsv2_(?:pt|sk)_[0-9a-f]{32}_[0-9a-f]{10}",
    r"dop_v1_[0-9a-f]{64}",
)
_SECRET = (
    r"(?:\b(?:" + "|".join(_VENDOR_KEYS) + r")"
    r"|(?i:\bbearer )[A-Za-z0-9._~+/-]{20,}=*"
    r"|-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----[^-]*(?:-----END [A-Z ]{0,30}PRIVATE KEY-----)?"
    r"|(?i:\b(?:postgres(?:ql)?|mysql|mongodb(?:\+srv)?|redis|amqp)://)[^\s:/@]{0,100}:[^\s@/]{1,}@)"
)

_ALL = (
    Detector(
        "jwt", "Signed tokens (JWT): a header, a payload and a signature in base64.",
        r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]*",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJjYW5hcnkifQ.c2lnbmF0dXJlLWNhbmFyeQ", (b"eyJ",), opaque=True,
    ),
    Detector(
        "secret", "Keys of well-known vendors and of Pilothouse, bearer tokens, private keys, passwords in database "
        "addresses.", _SECRET, "sk-proj-c4n4ryc4n4ryc4n4ryc4n4ry", None, opaque=True,
    ),
    Detector(
        "email", "Addresses of electronic mail.",
        r"[\pL\pN._%+'-]+@(?:[\pL\pN-]+\.)+\pL{2,24}",
        "canary.person@example.com", (b"@",), canonical=_lower,
    ),
    Detector(
        "iban", "Numbers of bank accounts (IBAN) whose check digits fit.",
        r"\b[A-Za-z]{2}[0-9]{2}(?:[ -]?[A-Za-z0-9]{4}){2,7}(?:[ -]?[A-Za-z0-9]{1,3})?\b",
        "DE89 3704 0044 0532 0130 00", check=_is_iban, canonical=_packed,
    ),
    Detector(
        "credit_card", "Numbers of payment cards, 13 to 19 digits of a known issuer whose check digit fits.",
        r"\b[0-9](?:[ -]?[0-9]){12,18}\b", "4111 1111 1111 1111", check=_is_card, canonical=only_digits,
    ),
    Detector(
        "us_ssn", "Social security numbers of the United States, with hyphens or blanks.",
        r"\b[0-9]{3}[- ][0-9]{2}[- ][0-9]{4}\b", "536-22-8714", check=_is_ssn, canonical=only_digits,
    ),
    Detector(
        "phone", "Telephone numbers: with a country code (+ or 00), or of ten digits in groups.",
        r"(?:\+|\b00)[1-9](?:[ ().\x2f-]{0,2}[0-9]){7,14}\b"
        r"|(?:\([0-9]{3}\) ?|\b[0-9]{3}[ .-])[0-9]{3}[ .-][0-9]{4}\b",
        "+49 170 5550123", check=_is_phone, canonical=_phone_form,
    ),
    Detector(
        "ip_address", "Internet addresses, of version 4 and 6.",
        r"\b(?:[0-9]{1,3}\.){3}[0-9]{1,3}\b"
        r"|\b(?:[0-9A-Fa-f]{1,4}:){1,7}(?::?[0-9A-Fa-f]{1,4}(?::[0-9A-Fa-f]{1,4}){0,6})?|::[0-9A-Fa-f:]{2,39}",
        "203.0.113.77", (b".", b":"), check=_is_address,
    ),
)  # fmt: skip

DETECTORS = {detector.name: detector for detector in _ALL}
"""Every built-in detector by name, in the order in which they win over one another."""
