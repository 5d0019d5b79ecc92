"""The inventory service: the catalog, its prices, its stock, and the holds of orders on it."""
