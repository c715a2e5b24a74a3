"""The sandbox: a payment provider for trying things out, spoken to over HTTP like any other."""
