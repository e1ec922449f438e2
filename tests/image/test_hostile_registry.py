"""FETCH from a registry that means harm: documents without end, and tags that change under the hand."""

import hashlib
import json

import pytest
from registry import CONFIG, INDEX, LAYER, MANIFEST, FaultyRegistry, descriptor, send
from test_fetch import assert_whole


def serve_documents(faulty, documents):
    """The first document is the tag's; the others are had by digest."""
    by_name = {"latest": documents[0]}
    by_name |= {f"sha256:{hashlib.sha256(blob).hexdigest()}": blob for blob in documents}

    def answer(handler, kind):
        blob = by_name.get(handler.path.split("/")[-1])
        if blob is None or kind == "other":
            return False
        send(handler, 200, blob, {"Content-Type": json.loads(blob).get("mediaType", "application/json")})
        return True

    faulty.fault = answer


def test_index_in_an_index_without_end_is_an_image_error(work, faulty):
    documents = [json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": []}).encode()]
    for _ in range(10):
        inner = [descriptor(documents[0], INDEX)]
        documents.insert(0, json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": inner}).encode())
    serve_documents(faulty, documents)
    error = work.fetch("image", [faulty.url]).error
    assert error.code == "image" and "nested" in error.message


def test_index_that_names_itself_is_an_image_error(work, faulty):
    """It cannot have its own digest, so a registry has to lie about what it is."""
    inner = {"mediaType": INDEX, "digest": "sha256:" + "0" * 64, "size": 300}
    index = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [inner]}).encode()
    faulty.fault = lambda handler, kind: (
        kind == "manifests" and (send(handler, 200, index, {"Content-Type": INDEX}) or True)
    )
    error = work.fetch("image", [faulty.url]).error
    assert error.code == "image" and "0" * 64 in error.message
    assert len(faulty.requests) == 2


@pytest.mark.parametrize(
    "document",
    [
        b'{"schemaVersion": 2, "layers": ' + b"[" * 100000 + b"]" * 100000 + b"}",
        json.dumps({"schemaVersion": 2, "manifests": [descriptor(b"x", MANIFEST)] * 5000}).encode(),
        json.dumps(
            {"schemaVersion": 2, "config": descriptor(b"{}", CONFIG), "layers": [descriptor(b"x", LAYER)] * 5000}
        ).encode(),
        json.dumps(
            {
                "schemaVersion": 2,
                "config": descriptor(b"{}", CONFIG),
                "layers": [descriptor(bytes([i]), LAYER) | {"size": 64 << 30} for i in range(3)],
            }
        ).encode(),
        json.dumps(
            {"schemaVersion": 2, "config": descriptor(b"{}", CONFIG) | {"size": 1 << 40}, "layers": []}
        ).encode(),
    ],
    ids=["deep", "many manifests", "many layers", "huge layers", "huge config"],
)
def test_document_beyond_the_limits_is_an_image_error(work, faulty, document):
    faulty.fault = lambda handler, kind: kind == "manifests" and (send(handler, 200, document) or True)
    error = work.fetch("image", [faulty.url]).error
    assert error.code == "image", error
    assert len(faulty.requests) == 1


@pytest.mark.parametrize("media_type", [INDEX, "application/vnd.docker.distribution.manifest.list.v2+json"])
def test_manifest_under_the_media_type_of_an_index_is_an_image_error(work, faulty, media_type):
    faulty.fault = lambda handler, kind: (
        kind == "manifests" and (send(handler, 200, faulty.manifest, {"Content-Type": media_type}) or True)
    )
    assert work.fetch("image", [faulty.url]).error.code == "image"


def test_tag_that_moves_meanwhile_gives_one_version(work, layout, layers_layout):
    """The tag stands for another image each time it is asked for; blobs of both are there."""
    asked = []
    with FaultyRegistry(layout) as one, FaultyRegistry(layers_layout) as other:

        def answer(handler, kind):
            if handler.path.endswith("/manifests/latest"):
                asked.append(handler.path)
                manifest = one.manifest if len(asked) % 2 else other.manifest
                send(handler, 200, manifest, {"Content-Type": MANIFEST})
                return True
            body, media_type = other.find(handler.path)
            if body is None:
                return False
            send(handler, 200, body, {"Content-Type": media_type})
            return True

        one.fault = answer
        first = work.fetch("image", [one.url])
        second = work.fetch("image", [one.url])
    assert [len(first.layers), len(second.layers)] == [1, 13]
    assert first.digest != second.digest and len(asked) == 2
    assert_whole(work, second)
