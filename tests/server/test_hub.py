"""Whoever waits for a change hears of it, of the end of its patience, and of a cancel."""

import asyncio

import pytest

from reel2sim.server.hub import Hub, wait


@pytest.mark.parametrize("turns", range(6))
def test_a_cancel_is_heard_though_the_change_comes_just_before(turns):
    """However many turns of the loop lie between the two."""

    async def main():
        hub = Hub()
        with hub.listen("x") as changed:
            waiting = asyncio.create_task(wait(changed, 60.0))
            await asyncio.sleep(0.01)
            hub.notify("x")
            for _ in range(turns):
                await asyncio.sleep(0)
            heard = waiting.cancel()
            await asyncio.wait([waiting])
            assert waiting.cancelled() is heard

    asyncio.run(main())


def test_a_change_ends_the_wait_and_so_does_time():
    async def main():
        event = asyncio.Event()
        await wait(event, 0.01)
        assert not event.is_set()
        event.set()
        await wait(event, 600.0)

    asyncio.run(main())
