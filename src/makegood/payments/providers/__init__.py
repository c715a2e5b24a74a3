"""One adapter a provider; its quirks stay inside it."""
