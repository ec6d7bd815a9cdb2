"""A reader of foldstat's bytes in plain Python, written from docs/bytes.md; it knows nothing of foldstat."""

from fractions import Fraction
from io import BytesIO


def crc32c(data):
    register = 0xFFFFFFFF
    for byte in data:
        register ^= byte
        for _ in range(8):
            register = register >> 1 ^ 0x82F63B78 * (register & 1)
    return (register ^ 0xFFFFFFFF).to_bytes(4, "little")


def varint(file):
    byte = file.read(1)[0]
    return byte if byte < 0x80 else byte - 0x80 + 0x80 * varint(file)


def fields(data):
    file = BytesIO(data)
    while file.tell() < len(data):
        yield file.read(varint(file))


def opened(data):
    """Kind, version and payload of bytes that are as they were written."""
    if len(data) < 11 or data[:4] != b"\xf5fst" or crc32c(data[:-4]) != data[-4:]:
        raise ValueError("no bytes of foldstat, or changed")
    file = BytesIO(data[4:-4])
    version, kind, length = varint(file), varint(file), varint(file)
    return kind, version, file.read(length)


def exact_sum(file, power):
    head = varint(file)
    unit = 8 * varint(file) - 1074 * power if head > 1 else 0
    return (-1) ** (head % 2) * int.from_bytes(file.read(head // 2), "little") * Fraction(2) ** unit


def summary(payload):
    """Count, sum, mean and variance (divisor n - 1) of the finite numbers, of a payload of kind 1."""
    file = BytesIO(payload)
    flags = varint(file)
    count, _, _, *infinities = [varint(file) if flags else 0 for _ in range(5)]
    for _ in range(2 if flags & 32 else 0):
        file.read(8 * file.read(9)[8])  # the smallest and the largest
    total, squares = (exact_sum(file, power) if flags else Fraction(0) for power in (1, 2))
    n = count - sum(infinities)
    return n, total, total / n if n else None, (squares - total**2 / n) / (n - 1) if n > 1 else None


def groups(payload):
    """The same of each group by its key, of a payload of kind 4 whose keys are texts or integers."""
    keys, states = (list(fields(field)) for field in list(fields(payload))[3:])
    plain = [key[1:].decode() if key[:1] == b"s" else int.from_bytes(key[1:], "little", signed=True) for key in keys]
    return dict(zip(plain, map(summary, states), strict=True))
