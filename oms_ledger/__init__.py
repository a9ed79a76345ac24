"""oms-ledger: an event-sourced order ledger that speaks the VTEX OMS HTTP API."""
