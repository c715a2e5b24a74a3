"""Fulfillment: secure inputs → make → verify → grant → tell."""
