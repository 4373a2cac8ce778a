"""Bytes on and off the machine: atomic writes, and private memory for plaintext that a program must see.

A leaf: it knows nothing of what the bytes are.
"""
