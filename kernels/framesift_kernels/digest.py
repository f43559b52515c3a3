"""BLAKE2b as hashlib gives it, without loading OpenSSL for it: that takes two thousandths of a second of each process."""

try:
    from _blake2 import blake2b
except ImportError:  # another Python than CPython
    from hashlib import blake2b

__all__ = ["blake2b"]
