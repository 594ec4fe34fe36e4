"""The demonstration stays on loopback, says which port is taken, and serves its two neighbours."""

import socket

import aiohttp
import pytest

from proxy.demo.adfs_model import Client
from proxy.demo.stage import DemoCannotStart, Part, Places, neighbours, places, require_free

CLIENT = Client("crm", "secret", ("http://127.0.0.1:9/cb",))


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "", "::", "example.com", "127.0.0.1.example.com"])
def test_an_address_that_others_can_reach_is_refused(host):
    with pytest.raises(DemoCannotStart, match=r"stays on this machine; 127\.0\.0\.1 would do"):
        places(host, 8080)
    assert places("127.0.0.1", 8080) == Places("127.0.0.1", 8080)


def test_any_address_will_do_on_a_network_that_is_said_to_be_private():
    found = places("0.0.0.0", 8080, name="demo.localhost", private_network=True)
    assert (found.host, found.adfs) == ("0.0.0.0", "http://demo.localhost:8081")


@pytest.mark.parametrize("name", ["demo.contoso.com", "192.0.2.1", "localhost.contoso.com", ""])
def test_a_name_that_is_not_this_machines_is_refused_whatever_the_network(name):
    with pytest.raises(DemoCannotStart, match=r"such as demo\.localhost would do"):
        places("0.0.0.0", 8080, name=name, private_network=True)
    assert places("0.0.0.0", 8080, name="localhost", private_network=True).proxy == "http://localhost:8080"


@pytest.mark.parametrize("port", [-1, 0, 65534, 65535])
def test_a_port_without_two_after_it_is_refused(port):
    with pytest.raises(DemoCannotStart, match="1 to 65533 would"):
        places("127.0.0.1", port)
    assert places("127.0.0.1", 65533).crm == "http://127.0.0.1:65535"


@pytest.mark.parametrize("taken", [0, 1, 2])
async def test_a_taken_port_is_named_with_the_way_out(clock, free_places, taken):
    port = free_places.port
    named = rf"port {port + taken} on 127.* is taken .* --port 18080"
    with socket.create_server(("127.0.0.1", port + taken)), pytest.raises(DemoCannotStart, match=named):
        await neighbours(free_places, CLIENT, clock).__aenter__()
    async with neighbours(free_places, CLIENT, clock):
        pass


async def test_both_neighbours_answer_at_their_places(clock, free_places):
    where = free_places
    async with neighbours(where, CLIENT, clock) as double, aiohttp.ClientSession() as session:
        async with session.get(f"{where.adfs}/adfs/.well-known/openid-configuration") as response:
            assert (await response.json())["issuer"] == f"{where.adfs}/adfs" == double.state.issuer.url
        async with session.get(f"{where.crm}/main.aspx") as response:
            assert "Nobody: opened past the proxy" in await response.text()
    require_free(where.host, where.port + 1)
    require_free(where.host, where.port + 2)


@pytest.mark.parametrize("part", Part)
async def test_one_neighbour_alone_takes_its_own_port_and_no_other(clock, free_places, part):
    where, own = free_places, free_places.port + 1 + list(Part).index(part)
    others = {where.port, where.port + 1, where.port + 2} - {own}
    async with neighbours(where, CLIENT, clock, parts=(part,)):
        for port in others:
            require_free(where.host, port)
        with pytest.raises(DemoCannotStart, match=f"port {own} "):
            require_free(where.host, own)
