"""BLAKE2b as hashlib gives it, without loading OpenSSL for it, nor NumPy as the kernels' own does."""

try:
    from _blake2 import blake2b
except ImportError:  # another Python than CPython
    from hashlib import blake2b

__all__ = ["blake2b"]
