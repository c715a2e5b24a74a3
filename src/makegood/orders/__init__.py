"""Orders, their units, and the obligations that a paid unit creates."""
