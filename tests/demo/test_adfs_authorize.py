"""The authorization endpoint: who is asked, who passes silently, and how the answer travels."""

import pytest

from proxy.demo.adfs_model import PEOPLE


async def test_a_stranger_gets_the_sign_in_page_and_a_person_signs_in(party):
    status, _, text = await party.ask()
    assert status == 200
    assert all(person.name in text for person in PEOPLE)
    status, answer, _ = await party.sign_in()
    assert status == 302
    assert answer["state"] == "st&te"
    assert answer["code"]


@pytest.mark.parametrize("user", ["alice", "ALICE@contoso.com", "contoso\\Alice"])
async def test_an_account_is_known_by_each_of_its_names(party, user):
    assert "code" in (await party.sign_in(user))[1]


async def test_an_empty_password_is_refused_and_any_other_accepted(party):
    status, answer, text = await party.sign_in(password="")
    assert (status, answer) == (200, {})
    assert "Enter your password." in text
    assert not party.double.state.logins
    assert (await party.sign_in(password=" "))[0] == 302


async def test_an_unknown_account_is_refused(party):
    status, _, text = await party.sign_in("<script>mallory")
    assert status == 200
    assert "Incorrect user ID or password" in text
    assert "<script>mallory" not in text


async def test_a_second_sign_in_is_silent_until_the_single_sign_on_ends(party, clock):
    await party.sign_in()
    clock.advance(8 * 3600 - 1)
    status, answer, _ = await party.ask()
    assert status == 302
    assert answer["code"]
    clock.advance(1)
    assert (await party.ask())[0] == 200


async def test_prompt_login_asks_and_gives_a_fresh_authentication_instant(party, clock):
    first = await party.claims((await party.tokens())["id_token"])
    clock.advance(600)
    assert (await party.ask(prompt="login"))[0] == 200
    again = await party.claims((await party.tokens(prompt="login"))["id_token"])
    assert again["auth_time"] == first["auth_time"] + 600


async def test_a_silent_sign_in_keeps_the_authentication_instant(party, clock):
    first = await party.claims((await party.tokens())["id_token"])
    clock.advance(600)
    _, answer, _ = await party.ask()
    again = await party.claims((await party.redeem(answer["code"]))[1]["id_token"])
    assert (again["auth_time"], again["sid"]) == (first["auth_time"], first["sid"])
    assert again["iat"] == first["iat"] + 600


async def test_max_age_is_heard_only_where_told(party, clock):
    await party.sign_in()
    clock.advance(100)
    assert (await party.ask(max_age="0"))[0] == 302
    party.double.state.honours_max_age = True
    assert (await party.ask(max_age="100"))[0] == 200
    assert (await party.ask(max_age="101"))[0] == 302


async def test_prompt_none_never_asks(party):
    status, answer, _ = await party.ask(prompt="none")
    assert status == 302
    assert (answer["error"], answer["state"]) == ("login_required", "st&te")
    await party.sign_in()
    assert "code" in (await party.ask(prompt="none"))[1]


@pytest.mark.parametrize(
    ("changes", "number"),
    [
        ({"client_id": "stranger"}, "MSIS9223"),
        ({"redirect_uri": "https://evil.example/"}, "MSIS9224"),
        ({"redirect_uri": "http://127.0.0.1:9/.claims/callback/"}, "MSIS9224"),
        ({"redirect_uri": None}, "MSIS9224"),
    ],
)
async def test_nobody_is_sent_to_an_address_that_is_not_the_clients(party, changes, number):
    await party.sign_in()
    for status, answer, text in (await party.ask(**changes), await party.sign_in(**changes)):
        assert (status, answer) == (400, {})
        assert number in text
    assert (await party.ask())[0] == 302


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"resource": "https://unknown/"}, "invalid_resource"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
    ],
)
async def test_other_faults_are_told_to_the_client(party, changes, error):
    status, answer, _ = await party.ask(**changes)
    assert (status, answer["error"], answer["state"]) == (302, error, "st&te")
    assert answer["error_description"].startswith("MSIS9")
    assert (await party.ask())[0] == 200


async def test_form_post_answers_with_a_page_that_posts_itself(party, hidden_fields):
    status, answer, text = await party.sign_in(response_mode="form_post")
    assert (status, answer) == (200, {})
    assert "<noscript>" in text
    action, fields = hidden_fields(text)
    assert action == "http://127.0.0.1:9/.claims/callback"
    assert fields["state"] == "st&te"
    claims = await party.claims((await party.redeem(fields["code"]))[1]["id_token"])
    assert claims["name"] == "Alice Ng"


async def test_form_post_tells_errors_the_same_way(party, hidden_fields):
    _, _, text = await party.ask(response_mode="form_post", prompt="none")
    assert hidden_fields(text)[1]["error"] == "login_required"


async def test_a_browser_that_comes_back_five_times_in_twenty_seconds_is_stopped(party, clock):
    await party.sign_in()
    for _ in range(4):
        clock.advance(3)
        assert (await party.ask())[0] == 302
    clock.advance(3)
    status, answer, text = await party.ask()
    assert (status, answer) == (400, {})
    assert "MSIS7042: The same client browser session has made '6' requests in the last '15' seconds." in text
    clock.advance(6)
    assert (await party.ask())[0] == 302


async def test_a_browser_that_takes_its_time_is_not_stopped(party, clock):
    await party.sign_in()
    for _ in range(12):
        clock.advance(5)
        assert (await party.ask())[0] == 302


async def test_both_forms_of_the_address_answer(party):
    url = party.url().replace("/authorize/?", "/authorize?")
    async with party.browser.get(url) as response:
        assert response.status == 200
        assert response.headers["X-Frame-Options"] == "DENY"
        assert "no-store" in response.headers["Cache-Control"]
