"""Lists, tuples and texts out of pickles, without unpickling.

PyTables keeps the names of columns as pickles of plain lists in the attributes of a file. `pickle.loads` would run
whatever else a stranger put there; so they are read by this small machine, which knows how to make lists, tuples,
dicts, texts, numbers and None, and stops at anything else. Opcodes: ``pickletools`` of the standard library.
"""

import pickletools
from typing import Any

_MAX_ITEMS = 10_000_000
_VALUES = frozenset(
    "INT LONG LONG1 BININT BININT1 BININT2 FLOAT BINFLOAT STRING BINSTRING SHORT_BINSTRING "
    "UNICODE BINUNICODE SHORT_BINUNICODE BINUNICODE8".split()
)
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_MARK = object()


def read_literal(data: bytes) -> Any:
    """The plain value that a pickle holds.

    Raises
    ------
    ValueError
        It holds something that is no list, tuple, dict, text, number or None, or is damaged.
    """
    machine = _Machine()
    try:
        for at, (opcode, argument, _) in enumerate(pickletools.genops(data)):
            if at > _MAX_ITEMS:
                raise ValueError("a pickle of too many items")
            if opcode.name == "STOP":
                return machine.stack.pop()
            machine.run(opcode.name, argument)
    except (IndexError, KeyError, TypeError) as e:
        raise ValueError(f"a damaged pickle ({type(e).__name__}: {e})") from None
    raise ValueError("a pickle without an end")


class _Machine:
    """The stack machine of pickles, without the part that calls."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def run(self, name: str, argument: Any) -> None:
        stack = self.stack
        if name in _VALUES:
            stack.append(argument)
        elif name in _CONSTANTS:
            stack.append(_CONSTANTS[name])
        elif name in ("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"):
            self.memo[len(self.memo) if argument is None else int(argument)] = stack[-1]
        elif name in ("GET", "BINGET", "LONG_BINGET"):
            stack.append(self.memo[int(argument)])
        elif name == "MARK":
            stack.append(_MARK)
        elif name in ("EMPTY_LIST", "EMPTY_TUPLE", "EMPTY_DICT"):
            stack.append({"EMPTY_LIST": list, "EMPTY_TUPLE": tuple, "EMPTY_DICT": dict}[name]())
        elif name not in ("PROTO", "FRAME"):
            self._build(name)

    def _build(self, name: str) -> None:
        stack = self.stack
        if name in ("TUPLE1", "TUPLE2", "TUPLE3"):
            n = int(name[-1])
            stack[-n:] = [tuple(stack[-n:])]
        elif name == "APPEND":
            item = stack.pop()
            stack[-1].append(item)
        elif name == "SETITEM":
            value, key = stack.pop(), stack.pop()
            stack[-1][key] = value
        elif name in ("LIST", "TUPLE", "DICT", "APPENDS", "SETITEMS"):
            self._gather(name)
        else:
            raise ValueError(f"a pickle that does more than hold names ({name})")

    def _gather(self, name: str) -> None:
        """What makes one thing of all since the mark."""
        stack = self.stack
        at = len(stack) - 1
        while stack[at] is not _MARK:
            at -= 1  # an IndexError in the end, where there is none
        items = stack[at + 1 :]
        del stack[at:]
        pairs = dict(zip(items[::2], items[1::2], strict=False)) if name in ("DICT", "SETITEMS") else {}
        if name == "APPENDS":
            stack[-1].extend(items)
        elif name == "SETITEMS":
            stack[-1].update(pairs)
        else:
            stack.append({"LIST": items, "TUPLE": tuple(items), "DICT": pairs}[name])
