"""The description of the API (OpenAPI), composed once from the routes and from data beside it."""
