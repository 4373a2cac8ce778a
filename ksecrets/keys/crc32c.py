"""CRC-32C (Castagnoli; RFC 3720, appendix B.4), which Google Cloud KMS has in its requests and answers.

For texts of some hundred bytes: a table and a loop cost less than loading a library for it.
"""

from __future__ import annotations

_POLYNOMIAL = 0x82F63B78  # reflected
_table: list[int] = []


def crc32c(data: bytes) -> int:
    """The checksum as an unsigned number of 32 bits."""
    if not _table:
        for byte in range(256):
            for _ in range(8):
                byte = (byte >> 1) ^ (_POLYNOMIAL if byte & 1 else 0)
            _table.append(byte)
    register = 0xFFFFFFFF
    for byte in data:
        register = (register >> 8) ^ _table[(register ^ byte) & 0xFF]
    return register ^ 0xFFFFFFFF
