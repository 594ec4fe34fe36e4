"""The demonstration stays on loopback, says which port is taken, and serves its two neighbours."""

import socket

import aiohttp
import pytest

from proxy.demo.adfs_model import Client
from proxy.demo.stage import DemoCannotStart, Places, neighbours, places, require_free

CLIENT = Client("crm", "secret", ("http://127.0.0.1:9/cb",))


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "", "::", "example.com", "127.0.0.1.example.com"])
def test_an_address_that_others_can_reach_is_refused(host):
    with pytest.raises(DemoCannotStart, match=r"stays on this machine; 127\.0\.0\.1 would do"):
        places(host, 8080)
    assert places("127.0.0.1", 8080) == Places("127.0.0.1", 8080)


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
