"""What an image is made of, another name for it, and a copy of it in a file."""

import asyncio
import os
import tempfile

import boxlite


async def main():
    images = boxlite.Boxlite.default().images
    image = images.inspect("python:slim")
    print(image.reference, image.os, image.architecture)
    print(len(image.layers), "layers,", image.size > 1_000_000, image.digest.startswith("sha256:"))

    images.tag("python:slim", "example/python:kept")
    print([each.reference for each in images.list() if each.reference.startswith("docker.io/example/")])

    with tempfile.TemporaryDirectory() as folder:
        archive = os.path.join(folder, "image.tar")
        await images.save("example/python:kept", archive)
        with boxlite.Boxlite(boxlite.Options(home_dir=os.path.join(folder, "home"))) as other:
            for loaded in await other.images.load(archive):
                print("loaded", loaded.reference, loaded.digest == image.digest)

    await images.remove("example/python:kept")
    try:
        images.inspect("example/python:kept")
    except boxlite.NotFoundError as error:
        print(error.message)


asyncio.run(main())
