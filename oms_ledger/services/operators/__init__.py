"""Signing in, first link, invitations: what people need before they can ask anything."""
