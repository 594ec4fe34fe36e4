"""The few records of the small CRM."""

import uuid
from dataclasses import dataclass

ORGANIZATION_ID = uuid.UUID("5b1d1b0c-5d0e-4c53-9d9c-0f3d4f6a7b21")


@dataclass(frozen=True, slots=True)
class Account:
    """One account. `revenue`: whole euros a year."""

    name: str
    contact: str
    city: str
    telephone: str
    revenue: int

    def record(self) -> dict[str, object]:
        """The account by the Web API's attribute names."""
        return {
            "name": self.name,
            "primarycontactname": self.contact,
            "address1_city": self.city,
            "telephone1": self.telephone,
            "revenue": self.revenue,
        }


ACCOUNTS = (
    Account("A. Datum Corporation", "Rene Valdes", "Lyon", "555-0158", 10_000_000),
    Account("Adventure Works", "Nancy Anderson", "Santa Cruz", "555-0152", 60_000_000),
    Account("Alpine Ski House", "Paul Cannon", "Innsbruck", "555-0157", 90_000_000),
    Account("Blue Yonder Airlines", "Sidney Higa", "Los Angeles", "555-0154", 40_000_000),
    Account("City Power & Light", "Scott Konersmann", "Redmond", "555-0155", 50_000_000),
    Account("Coho Winery", "Jim Glynn", "Phoenix", "555-0159", 30_000_000),
    Account("Fabrikam, Inc.", "Maria Campbell", "Rotterdam", "555-0153", 80_000_000),
    Account("Litware, Inc.", "Susanna Stubberød", "Dallas", "555-0151", 20_000_000),
)
