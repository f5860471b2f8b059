"""The contract, chapter by chapter: Failures that are ours."""

from __future__ import annotations

import httpx

from .conftest import InProcess, Person, Unchanged, Variant
from .saying import ENDPOINTS, ORIGIN, TASKS, always_present, create, lets_the_browser_read, ok, problem


async def test_a_crash_is_500_without_any_detail(
    mocked: InProcess, me: Person, unchanged: Unchanged, marker: str
) -> None:
    import asyncpg

    connection = await asyncpg.connect(mocked.database_url)
    secret = "driver text that nobody must see"
    try:
        await connection.execute(f"ALTER TABLE tasks ADD CONSTRAINT \"{secret}\" CHECK (title <> '{marker}')")
        try:
            async with unchanged(me):
                response = await me.post(TASKS, json={"title": marker}, headers={"origin": ORIGIN})
                problem(response, 500, "internal_error")
                lets_the_browser_read(response)
                assert secret not in response.text
        finally:
            await connection.execute(f'ALTER TABLE tasks DROP CONSTRAINT "{secret}"')
    finally:
        await connection.close()
    await create(me)


async def test_without_a_database_the_service_is_up_but_not_ready_and_says_503(
    variant: Variant, unused_tcp_port: int
) -> None:
    front = await variant(database_url=f"postgresql://somebody:hunter2@127.0.0.1:{unused_tcp_port}/nowhere")
    async with front.client() as anyone, front.person(0) as person:
        ok(await anyone.get("/healthz"))
        not_ready = await anyone.get("/readyz")
        assert not_ready.status_code == 503
        always_present(not_ready)
        for told in ("hunter2", "somebody", str(unused_tcp_port), "refused", "Errno"):
            assert told not in not_ready.text
        for method, path in ENDPOINTS:
            body = {"title": "a"} if method in ("POST", "PUT") else {"completed": True} if method == "PATCH" else None
            response = await person.request(method, path, json=body, headers={"origin": ORIGIN})
            problem(response, 503, "unavailable", "database_unavailable")
            assert int(response.headers["retry-after"]) >= 1
            lets_the_browser_read(response)
            for told in ("hunter2", "somebody", str(unused_tcp_port), "refused", "Errno"):
                assert told not in response.text
        problem(await anyone.get(TASKS), 401, "authentication_error", "missing_token")


async def test_without_keys_a_token_is_503_and_not_refused(variant: Variant, me: Person, unchanged: Unchanged) -> None:
    from tokenward.testing import Answer, Issuer

    issuer = Issuer("http://127.0.0.2:3000")
    import respx

    with respx.mock(assert_all_called=False) as router:
        router.route(url=issuer.jwks_url).mock(side_effect=issuer.respond)
        issuer.always = Answer(error=httpx.ConnectError("nobody home"))
        front = await variant(issuer=issuer)
        async with unchanged(me), front.person(0) as person, front.client() as anyone:
            response = await person.post(TASKS, json={"title": "a"}, headers={"origin": ORIGIN})
            problem(response, 503, "unavailable", "keys_unavailable")
            assert int(response.headers["retry-after"]) >= 1
            assert "www-authenticate" not in response.headers, "a client must not sign its user out because of it"
            lets_the_browser_read(response)
            problem(await anyone.get(TASKS), 401, "authentication_error", "missing_token")
            ready = await anyone.get("/readyz")
            assert ready.status_code == 200, "taking every replica out would not bring the keys back"
            assert "nobody home" not in ready.text
