"""Object code laid out as it will lie in memory, so that a later process needs no linker.

Of an ELF object for x86-64 in LLVM's large code model every reference is one absolute 64-bit address (System V ABI,
AMD64 supplement, 4.4: ``R_X86_64_64``). So an image is the sections one after another, and a list of the places
where the address of the image, or of a function of the C library such as ``memset``, is added.
"""

import ctypes
import json
import mmap
import struct
from typing import Any, NamedTuple

_X86_64 = 62
_LITTLE_ENDIAN_64 = b"\x7fELF\x02\x01"
_WRITE, _ALLOC = 1, 2  # flags of a section
_SYMTAB, _RELA, _NOBITS = 2, 4, 8  # types of a section
_R_X86_64_64 = 1
_UNDEFINED = 0  # section number
_UNWINDING = b".eh_frame"

_MAGIC = b"framesift image\x01"
_HEADER_BYTES = struct.Struct("<Q")
_ADDRESS = struct.Struct("<Q")
_READ_AND_EXECUTE = 5  # PROT_READ | PROT_EXEC

_placed: list[mmap.mmap] = []
"""Images in memory, to the end of the process."""


class _Section(NamedTuple):
    name: int
    type: int
    flags: int
    address: int
    offset: int
    size: int
    link: int
    info: int
    alignment: int
    entry_size: int


class _Symbol(NamedTuple):
    name: int
    info: int
    other: int
    section: int
    value: int
    size: int


def lay_out(code: bytes, entry: str) -> bytes | None:
    """The image of an object file that is entered at the symbol *entry*; None where it is of another kind."""
    if code[:6] != _LITTLE_ENDIAN_64 or struct.unpack_from("<H", code, 18)[0] != _X86_64:
        return None
    sections = _sections(code)
    kept = [i for i, s in enumerate(sections) if s.flags & _ALLOC and not _unwinds(code, sections, s)]
    if any(sections[i].flags & _WRITE or sections[i].type == _NOBITS for i in kept):
        return None
    body, start = bytearray(), {}
    for i in kept:
        body += bytes(-len(body) % max(sections[i].alignment, 1))
        start[i] = len(body)
        body += _bytes(code, sections[i])
    names, symbols = _symbols(code, sections)
    entered = symbols[names.index(entry)]
    inside: list[tuple[int, int]] = []
    outside: list[tuple[int, str]] = []
    for table in (s for s in sections if s.type == _RELA and s.info in start):
        for offset, info, addend in struct.iter_unpack("<QQq", _bytes(code, table)):
            symbol, name, at = symbols[info >> 32], names[info >> 32], start[table.info] + offset
            if info & 0xFFFFFFFF != _R_X86_64_64:
                return None
            if symbol.section in start:
                inside.append((at, start[symbol.section] + symbol.value + addend))
            elif symbol.section == _UNDEFINED and addend == 0:
                outside.append((at, name))
            else:
                return None
    places = {"entry": start[entered.section] + entered.value, "inside": inside, "outside": outside}
    header = json.dumps(places).encode()
    return _MAGIC + _HEADER_BYTES.pack(len(header)) + header + bytes(body)


def place(image: bytes) -> int | None:
    """Put an image in memory and return the address of its entry; None if it is none.

    Raises
    ------
    OSError
        This system lets no process make code.
    """
    if not image.startswith(_MAGIC):
        return None
    at = len(_MAGIC)
    (n_bytes,) = _HEADER_BYTES.unpack_from(image, at)
    at += _HEADER_BYTES.size
    header: dict[str, Any] = json.loads(image[at : at + n_bytes])
    body = image[at + n_bytes :]
    memory = mmap.mmap(-1, len(body), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    memory.write(body)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    library = ctypes.CDLL(None, use_errno=True)
    for offset, target in header["inside"]:
        _ADDRESS.pack_into(memory, offset, address + target)
    for offset, name in header["outside"]:
        _ADDRESS.pack_into(memory, offset, ctypes.cast(library[name], ctypes.c_void_p).value)
    if library.mprotect(ctypes.c_void_p(address), ctypes.c_size_t(len(body)), _READ_AND_EXECUTE):
        raise OSError(ctypes.get_errno(), "memory cannot be made executable")
    _placed.append(memory)
    return int(address + header["entry"])


def _sections(code: bytes) -> list[_Section]:
    (offset,) = struct.unpack_from("<Q", code, 40)
    size, count = struct.unpack_from("<HH", code, 58)
    return [_Section(*struct.unpack_from("<IIQQQQIIQQ", code, offset + i * size)) for i in range(count)]


def _bytes(code: bytes, section: _Section) -> bytes:
    return code[section.offset : section.offset + section.size]


def _unwinds(code: bytes, sections: list[_Section], section: _Section) -> bool:
    """It is for unwinding the stack, which nothing does here."""
    (names,) = struct.unpack_from("<H", code, 62)
    return _bytes(code, sections[names])[section.name :].startswith(_UNWINDING)


def _symbols(code: bytes, sections: list[_Section]) -> tuple[list[str], list[_Symbol]]:
    """Names and symbols; an object has one table of them."""
    table = next(s for s in sections if s.type == _SYMTAB)
    symbols = [_Symbol(*fields) for fields in struct.iter_unpack("<IBBHQQ", _bytes(code, table))]
    strings = _bytes(code, sections[table.link])
    return [strings[s.name : strings.index(0, s.name)].decode() for s in symbols], symbols
