"""An account as its people look after it: keys, settings, history."""
