"""`python -m oms_ledger` is the command `oms-ledger`."""

from oms_ledger.cli import main

main()
