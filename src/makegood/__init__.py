"""Makegood sells things that software makes after payment: what is paid is delivered, or its money goes back."""

__version__ = "0.1.0"
