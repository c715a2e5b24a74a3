"""Objects in a store, assets in a table, and holds that say who still needs them."""
