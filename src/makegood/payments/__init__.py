"""Payments: requested at a provider, settled from what the provider itself says, given back when nothing is owed."""
