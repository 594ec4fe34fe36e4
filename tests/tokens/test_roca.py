from proxy.tokens.roca import has_roca_weakness
from support.tokens import rsa_key

# M of the paper: the product of the first 39 primes, which divides the M of every longer key.
PRIMES = [prime for prime in range(2, 168) if all(prime % divisor for divisor in range(2, prime))]


def test_a_modulus_that_is_a_power_of_65537_modulo_every_small_prime_is_found():
    product = 1
    for prime in PRIMES:
        product *= prime
    weak = pow(65537, 1234, product) + product * (2**1900 + 7)
    assert len(PRIMES) == 39
    assert has_roca_weakness(weak)
    assert not has_roca_weakness(weak + 2)


def test_a_sound_modulus_is_not_found():
    assert not has_roca_weakness(rsa_key().public_key().public_numbers().n)
