"""First sight of a token in process: what a full verification costs beside the bare signature check; and memory.

`python -m benchmarks.verification CHUNKS TOKENS` prints JSON; a process of its own, so that its memory is its own.
"""

import asyncio
import base64
import gc
import json
import os
import sys
import time
from statistics import median
from typing import Any

import httpx

from benchmarks.issuer import Issuer
from benchmarks.processes import memory
from tokenward import Authenticator, JwksSource, TokenVerifier

CHUNK = 50


async def first_sight(issuer: Issuer, chunks: int) -> dict[str, float]:
    """Medians over chunks of 50 tokens, compared with their neighbours: microseconds of processor time for each."""
    public = issuer.private.public_key()
    raw, threaded, full, warm = [], [], [], []
    loop = asyncio.get_running_loop()
    async with running(issuer) as authenticator:
        for chunk in range(chunks):
            tokens = [issuer.token("somebody", chunk * CHUNK + number) for number in range(CHUNK)]
            headers = [[(b"authorization", b"Bearer " + token.encode())] for token in tokens]
            signed = [(decoded(token.rpartition(".")[2]), token.rpartition(".")[0].encode()) for token in tokens]
            started = time.process_time()
            for signature, text in signed:
                public.verify(signature, text)
            raw.append(time.process_time() - started)
            full.append(await timed(authenticator, headers))
            warm.append(await timed(authenticator, headers))
    for _ in range(chunks // 4):  # afterwards: the threads it starts would be in the way of the others
        started = time.process_time()
        for signature, text in signed:
            await loop.run_in_executor(None, public.verify, signature, text)
        threaded.append(time.process_time() - started)
    each = 1e6 / CHUNK
    return {
        "raw_us": median(raw) * each,
        "threaded_us": median(threaded) * each,
        "full_us": median(full) * each,
        "warm_us": median(warm) * each,
        "ratio": median(f / r for f, r in zip(full, raw, strict=True)),
    }


async def timed(authenticator: Authenticator, headers: list[Any]) -> float:
    started = time.process_time()
    for each in headers:
        await authenticator.authenticate(each, "127.0.0.1")
    return time.process_time() - started


async def many(issuer: Issuer, count: int) -> list[tuple[int, float]]:
    """Resident megabytes after so many distinct tokens: at a hundredth, a tenth, and at the end."""
    found = []
    async with running(issuer) as authenticator:
        for number in range(1, count + 1):
            token = issuer.token("somebody", number)
            await authenticator.authenticate([(b"authorization", b"Bearer " + token.encode())], "127.0.0.1")
            if number in (count // 100, count // 10, count // 2, count):
                gc.collect()
                found.append((number, memory(os.getpid())))
    return found


class running:  # noqa: N801 - reads as a verb at its two uses
    """An authenticator over the issuer's key set, started."""

    def __init__(self, issuer: Issuer) -> None:
        verifier = TokenVerifier(frozenset({issuer.url}), frozenset({issuer.url}), frozenset({"EdDSA", "Ed25519"}))
        self._authenticator = Authenticator(JwksSource(issuer.jwks_url, httpx.AsyncClient()), verifier)

    async def __aenter__(self) -> Authenticator:
        await self._authenticator.start()
        return self._authenticator

    async def __aexit__(self, *_: object) -> None:
        await self._authenticator.close()


def decoded(segment: str) -> bytes:
    return base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))


if __name__ == "__main__":
    issuer = Issuer()
    chunks, tokens = int(sys.argv[1]), int(sys.argv[2])
    sight = asyncio.run(first_sight(issuer, chunks))
    print(json.dumps({"first_sight": sight, "memory": asyncio.run(many(issuer, tokens)) if tokens else []}))
    issuer.close()
