from dataclasses import dataclass


class DecryptionKey:
    pass


class SamlExpectation:
    def __init__(self, **_):
        pass


@dataclass
class VerifiedAssertion:
    token: object
    token_id: str


def verify_response(*a):
    raise ValueError
