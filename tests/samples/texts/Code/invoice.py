"""Adds up the month's invoices by customer."""

import csv
import sys
from collections import defaultdict
from decimal import Decimal
from pathlib import Path


def totals(path: str, vat: Decimal = Decimal("0.19")) -> dict[str, Decimal]:
    """Gross amount owed by each customer, value added tax included."""
    owed: dict[str, Decimal] = defaultdict(Decimal)
    with Path(path).open(newline="") as file:
        for row in csv.DictReader(file):
            owed[row["customer"]] += Decimal(row["net"]) * (1 + vat)
    return dict(owed)


if __name__ == "__main__":
    for customer, amount in sorted(totals(sys.argv[1]).items()):
        print(f"{customer:30} {amount:12.2f}")
