"""The inventory service: the catalog, its prices, its stock, and the holds that orders have on it."""
