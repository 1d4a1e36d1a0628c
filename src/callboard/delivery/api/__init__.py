"""The REST API, by the contract: one module per noun."""
