"""Where prices of carts come from: an account's table, its source over HTTP, other sellers."""
