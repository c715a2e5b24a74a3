"""From a draft to an order: what is frozen, held, priced and asked to be paid."""
