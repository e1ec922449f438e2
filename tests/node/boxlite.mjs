// The functions of include/boxlite.h that the contract tests use, declared for koffi, and what JavaScript wants around
// them: promises, and a loop that drains when the runtime's descriptor rings.
import { spawnSync } from "node:child_process";
import net from "node:net";
import path from "node:path";
import koffi from "koffi";

const library = koffi.load(path.join(process.env.BOXLITE_PREFIX, "lib", "libboxlite.so"));

for (const name of ["runtime", "box", "execution", "operation", "error", "exec_result"]) koffi.opaque(`boxlite_${name}`);

koffi.struct("boxlite_runtime_options", {
  struct_size: "size_t",
  home_dir: "const char *",
  image_registries: "const char **",
  image_registry_count: "size_t",
  flags: "uint32_t",
  engine: "int",
  log_level: "int",
  log: "void *",
  log_user_data: "void *",
  log_finalize: "void *",
});
koffi.struct("boxlite_box_options", {
  struct_size: "size_t",
  image: "const char *",
  rootfs_path: "const char *",
  name: "const char *",
  cpus: "uint32_t",
  memory_mib: "uint32_t",
  env: "const char **",
  env_count: "size_t",
  working_dir: "const char *",
  user: "const char *",
  entrypoint: "const char **",
  entrypoint_count: "size_t",
  cmd: "const char **",
  cmd_count: "size_t",
  labels: "const char **",
  label_count: "size_t",
  flags: "uint32_t",
  engine: "int",
  isolation: "int",
  max_open_files: "uint64_t",
  max_file_size_bytes: "uint64_t",
  max_memory_bytes: "uint64_t",
  max_cpu_seconds: "uint64_t",
  max_processes: "uint64_t",
});
koffi.proto("void on_start(void *user_data, int64_t guest_pid)");
koffi.proto("void on_data(void *user_data, const uint8_t *data, size_t size)");
koffi.proto("void on_done(void *user_data, int status, const boxlite_error *err)");
koffi.proto("void on_finalize(void *user_data)");
koffi.proto("void on_exit(void *user_data, int status, const boxlite_error *err, const boxlite_exec_result *result)");
koffi.struct("boxlite_exec_options", {
  struct_size: "size_t",
  argv: "const char **",
  argc: "size_t",
  env: "const char **",
  env_count: "size_t",
  cwd: "const char *",
  user: "const char *",
  flags: "uint32_t",
  rows: "uint16_t",
  columns: "uint16_t",
  timeout_ms: "uint64_t",
  on_start: "on_start *",
  on_stdout: "on_data *",
  on_stderr: "on_data *",
  on_exit: "on_exit *",
  user_data: "void *",
  finalize: "on_finalize *",
});

export const c = {
  version_string: library.func("const char *boxlite_version_string(void)"),
  status_name: library.func("const char *boxlite_status_name(int status)"),
  error_message: library.func("const char *boxlite_error_message(const boxlite_error *err)"),
  error_destroy: library.func("void boxlite_error_destroy(boxlite_error *err)"),
  runtime_create: library.func(
    "int boxlite_runtime_create(_Out_ boxlite_runtime **out, const boxlite_runtime_options *options, _Out_ boxlite_error **err)",
  ),
  runtime_fd: library.func("int boxlite_runtime_fd(const boxlite_runtime *rt)"),
  runtime_drain: library.func("int boxlite_runtime_drain(boxlite_runtime *rt, int timeout_ms)"),
  runtime_shutdown: library.func(
    "int boxlite_runtime_shutdown(boxlite_runtime *rt, uint32_t timeout_ms, on_done *done, void *user_data, " +
      "on_finalize *finalize, _Out_ boxlite_error **err)",
  ),
  runtime_destroy: library.func("void boxlite_runtime_destroy(boxlite_runtime *rt)"),
  box_create: library.func(
    "int boxlite_box_create(_Out_ boxlite_box **out, boxlite_runtime *rt, const boxlite_box_options *options, " +
      "_Out_ boxlite_error **err)",
  ),
  box_id: library.func("const char *boxlite_box_id(const boxlite_box *box)"),
  box_destroy: library.func("void boxlite_box_destroy(boxlite_box *box)"),
  box_exec: library.func(
    "int boxlite_box_exec(_Out_ boxlite_execution **out, boxlite_box *box, const boxlite_exec_options *options, " +
      "_Out_ boxlite_error **err)",
  ),
  execution_write_stdin: library.func(
    "int boxlite_execution_write_stdin(boxlite_execution *execution, const void *data, size_t size, on_done *done, " +
      "void *user_data, on_finalize *finalize, _Out_ boxlite_error **err)",
  ),
  execution_close_stdin: library.func(
    "int boxlite_execution_close_stdin(boxlite_execution *execution, _Out_ boxlite_error **err)",
  ),
  execution_destroy: library.func("void boxlite_execution_destroy(boxlite_execution *execution)"),
  exec_result_exit_code: library.func("int boxlite_exec_result_exit_code(const boxlite_exec_result *result)"),
};

export const AUTO_REMOVE = 1;
export const EXEC_STDIN = 2;

export class BoxliteError extends Error {
  constructor(status, message) {
    super(message);
    this.status = c.status_name(status);
  }
}

// Calls `f` with its arguments and the error's place; throws what it reports.
function call(f, ...args) {
  const error = [null];
  const status = f(...args, error);
  if (status === 0) return;
  const failure = new BoxliteError(status, c.error_message(error[0]));
  c.error_destroy(error[0]);
  throw failure;
}

export class Runtime {
  constructor(home) {
    const out = [null];
    const options = { struct_size: koffi.sizeof("boxlite_runtime_options"), home_dir: home };
    call(c.runtime_create, out, options);
    this.handle = out[0];
    // Node closes what it is given, so it gets a descriptor of its own: /proc's link opens no socket, dup does.
    this.bell = new net.Socket({ fd: duplicate(c.runtime_fd(this.handle)) });
    this.bell.on("data", () => this.drain());
  }

  drain() {
    while (c.runtime_drain(this.handle, 0) > 0);
  }

  shutdown() {
    return new Promise((resolve, reject) => {
      const done = once("on_done *", (_, status) =>
        status === 0 ? resolve() : reject(new BoxliteError(status, "shutdown")),
      );
      call(c.runtime_shutdown, this.handle, 5000, done, null, null);
    });
  }

  destroy() {
    this.bell.destroy();
    c.runtime_destroy(this.handle);
  }
}

const dup = koffi.load(null).func("int dup(int fd)");
function duplicate(fd) {
  const copy = dup(fd);
  if (copy < 0) throw new Error("dup failed");
  return copy;
}

// A callback that is unregistered after its only call.
function once(type, f) {
  const pointer = koffi.register((...args) => {
    setImmediate(() => koffi.unregister(pointer));
    return f(...args);
  }, koffi.pointer(type.replace(" *", "")));
  return pointer;
}

export class Box {
  constructor(runtime, fields) {
    const out = [null];
    call(c.box_create, out, runtime.handle, {
      struct_size: koffi.sizeof("boxlite_box_options"),
      flags: AUTO_REMOVE,
      ...fields,
    });
    this.handle = out[0];
  }

  get id() {
    return c.box_id(this.handle);
  }

  // { exitCode, stdout, stderr } of a command; `input` (bytes) goes to its standard input.
  exec(argv, input = null) {
    const chunks = { stdout: [], stderr: [] };
    const collect = (name) =>
      koffi.register(
        (_, data, size) => void chunks[name].push(Buffer.from(koffi.decode(data, "uint8_t", Number(size)))),
        koffi.pointer("on_data"),
      );
    const sinks = [collect("stdout"), collect("stderr")];
    return new Promise((resolve, reject) => {
      const execution = [null];
      const exit = once("on_exit *", (_, status, error, result) => {
        const message = c.error_message(error);
        const exitCode = status === 0 ? c.exec_result_exit_code(result) : null;
        setImmediate(() => {
          sinks.forEach(koffi.unregister);
          c.execution_destroy(execution[0]);
        });
        if (status !== 0) return reject(new BoxliteError(status, message));
        resolve({
          exitCode,
          stdout: Buffer.concat(chunks.stdout).toString(),
          stderr: Buffer.concat(chunks.stderr).toString(),
        });
      });
      call(c.box_exec, execution, this.handle, {
        struct_size: koffi.sizeof("boxlite_exec_options"),
        argv,
        argc: argv.length,
        flags: input === null ? 0 : EXEC_STDIN,
        on_stdout: sinks[0],
        on_stderr: sinks[1],
        on_exit: exit,
      });
      if (input === null) return;
      call(c.execution_write_stdin, execution[0], input, input.length, null, null, null);
      call(c.execution_close_stdin, execution[0]);
    });
  }

  destroy() {
    c.box_destroy(this.handle);
  }
}

// What of this process is left running on this machine.
export function children() {
  return spawnSync("ps", ["--no-headers", "-o", "comm", "--ppid", String(process.pid)], { encoding: "utf8" })
    .stdout.split("\n")
    .filter((name) => name && name !== "ps");
}
