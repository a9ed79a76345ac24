"""What is read from the ledger: one module per table or queue, with its questions."""
