"""The fingerprint of RSA keys made by Infineon's flawed library (ROCA, CVE-2017-15361).

Nemec et al., «The Return of Coppersmith's Attack», section 2.2: such primes are k*M + (65537**a mod M), so the modulus
is a power of 65537 modulo every small prime that divides M. A sound modulus is that by chance about once in 2**150.
"""

_GENERATOR = 65537
# The primes that divide M for every length of key the library makes (the least M, of 512-bit keys: 39 primes).
_PRIMES = (
    *(2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103),
    *(107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167),
)


def _powers(prime: int) -> frozenset[int]:
    return frozenset(pow(_GENERATOR, exponent, prime) for exponent in range(prime))


_SUBGROUPS = tuple((prime, _powers(prime)) for prime in _PRIMES)


def has_roca_weakness(modulus: int) -> bool:
    """Whether an RSA modulus can be factored by way of this weakness."""
    return all(modulus % prime in powers for prime, powers in _SUBGROUPS)
