"""The same without asyncio, from several threads."""

from concurrent.futures import ThreadPoolExecutor

import boxlite

with boxlite.SyncSimpleBox(image="python:slim") as box:
    with ThreadPoolExecutor(4) as pool:
        results = pool.map(lambda n: box.exec("python3", "-c", f"print({n} * {n})").stdout, range(4))
    print(*(result.strip() for result in results))
