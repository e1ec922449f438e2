// The library inside Node.js, which has its own OpenSSL, zlib and libuv: it answers as it does in C, and leaves them alone.
import assert from "node:assert/strict";
import crypto from "node:crypto";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import test from "node:test";
import zlib from "node:zlib";
import { Box, BoxliteError, Runtime, c, children } from "./boxlite.mjs";

const rootfs = process.env.BOXLITE_TEST_ROOTFS;

async function withBox(use) {
  const home = fs.mkdtempSync(path.join(os.tmpdir(), "boxlite-node-"));
  const runtime = new Runtime(home);
  const box = new Box(runtime, { rootfs_path: rootfs });
  try {
    await use(box, runtime);
    await runtime.shutdown();
    assert.deepEqual(fs.readdirSync(path.join(home, "boxes")), []);
  } finally {
    box.destroy();
    runtime.destroy();
    fs.rmSync(home, { recursive: true });
  }
  assert.deepEqual(children(), []);
}

test("versions and names are texts", () => {
  assert.match(c.version_string(), /^\d+\.\d+\.\d+$/);
  assert.equal(c.status_name(2), "not_found");
});

test("a mistake is an error that names it", () => {
  assert.throws(() => new Runtime("/dev/null/home"), (error) => {
    assert.ok(error instanceof BoxliteError);
    assert.equal(error.status, "config");
    assert.match(error.message, /\/dev\/null/);
    return true;
  });
});

test("a command's output, errors and exit code come back", async () => {
  await withBox(async (box) => {
    assert.equal(box.id.length, 26);
    const result = await box.exec(["sh", "-c", "echo out; echo err >&2; exit 3"]);
    assert.deepEqual(result, { exitCode: 3, stdout: "out\n", stderr: "err\n" });
    await assert.rejects(box.exec(["no-such-command"]), { status: "execution" });
  });
});

test("standard input reaches the command whole, and much output comes whole", async () => {
  await withBox(async (box) => {
    const input = crypto.randomBytes(2_000_000);
    const { stdout } = await box.exec(["sha256sum"], input);
    assert.equal(stdout.split(" ")[0], crypto.createHash("sha256").update(input).digest("hex"));
    const zeros = await box.exec(["head", "-c", "5000000", "/dev/zero"]);
    assert.equal(zeros.stdout.length, 5_000_000);
  });
});

test("ten commands at once, while timers of the loop go on", async () => {
  await withBox(async (box) => {
    let ticks = 0;
    const timer = setInterval(() => ++ticks, 5);
    const results = await Promise.all([...Array(10).keys()].map((n) => box.exec(["echo", String(n)])));
    clearInterval(timer);
    assert.deepEqual(results.map((result) => result.stdout), [...Array(10).keys()].map((n) => `${n}\n`));
    assert.ok(ticks > 0);
  });
});

test("two runtimes live side by side", async () => {
  await withBox(async (one) => {
    await withBox(async (two) => {
      const [first, second] = await Promise.all([one.exec(["echo", "1"]), two.exec(["echo", "2"])]);
      assert.equal(first.stdout + second.stdout, "1\n2\n");
    });
  });
});

test("Node's own libraries work as before", () => {
  const text = Buffer.from("text ".repeat(10_000));
  assert.deepEqual(zlib.gunzipSync(zlib.gzipSync(text)), text);
  const { publicKey, privateKey } = crypto.generateKeyPairSync("ec", { namedCurve: "P-256" });
  assert.ok(crypto.verify("sha256", text, publicKey, crypto.sign("sha256", text, privateKey)));
});
