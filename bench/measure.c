/*
 * Times what a program on the C API waits for, and prints one sample a line (bench/run makes the
 * table).
 *
 *   measure boot RUNS      ms from create to the exit of `true`, each time in a fresh box
 *   measure exec RUNS      ms of `true` in one running box
 *   measure batch RUNS     ms of `true`, each of 100 one after another, mean
 *   measure at-once RUNS   ms of `true`, of 100 that are started at once, mean
 *   measure python RUNS    ms of `python3 -c 'print(1)'` in one running box
 *   measure stdout RUNS    MB/s of 256 MB from the guest to the callback
 *   measure write RUNS     MB/s of boxlite_box_write_file with 64 MB
 *   measure hold SECONDS   prints the process id of a running box's boxlite-vm, keeps the box for
 * so long
 *
 * The image is python:slim. MB are 1 000 000 bytes. One thread; the runtime is drained here.
 */
#include <boxlite.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { kBatch = 100, kStdoutBlocks = 256, kWriteBytes = 64 * 1000 * 1000 };

struct call {
  int finished;
  size_t bytes;
};

static double now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void must(boxlite_status status, const boxlite_error* err) {
  if (status == BOXLITE_OK) return;
  fprintf(stderr, "%s\n%s\n", boxlite_error_message(err), boxlite_error_hint(err));
  exit(1);
}

static void on_stdout(void* user_data, const uint8_t* data, size_t size) {
  (void)data;
  ((struct call*)user_data)->bytes += size;
}

static void on_exit_(void* user_data, boxlite_status status, const boxlite_error* err,
                     const boxlite_exec_result* result) {
  must(status, err);
  if (boxlite_exec_result_exit_code(result) != 0) {
    fprintf(stderr, "the command ended with %d\n", boxlite_exec_result_exit_code(result));
    exit(1);
  }
  ((struct call*)user_data)->finished = 1;
}

static void on_done(void* user_data, boxlite_status status, const boxlite_error* err) {
  must(status, err);
  ((struct call*)user_data)->finished = 1;
}

static void wait_for(boxlite_runtime* runtime, struct call* call) {
  while (!call->finished) boxlite_runtime_drain(runtime, -1);
}

static boxlite_box* create_box(boxlite_runtime* runtime) {
  boxlite_box* box = NULL;
  boxlite_error* err = NULL;
  boxlite_box_options options = BOXLITE_BOX_OPTIONS_INIT;
  options.image = "python:slim";
  options.flags = BOXLITE_BOX_AUTO_REMOVE;
  must(boxlite_box_create(&box, runtime, &options, &err), err);
  return box;
}

/* Bytes of standard output. */
static size_t exec_in(boxlite_runtime* runtime, boxlite_box* box, const char* const* argv,
                      size_t argc) {
  struct call call = {0, 0};
  boxlite_execution* execution = NULL;
  boxlite_error* err = NULL;
  boxlite_exec_options options = BOXLITE_EXEC_OPTIONS_INIT;
  options.argv = argv;
  options.argc = argc;
  options.on_stdout = on_stdout;
  options.on_exit = on_exit_;
  options.user_data = &call;
  must(boxlite_box_exec(&execution, box, &options, &err), err);
  wait_for(runtime, &call);
  boxlite_execution_destroy(execution);
  return call.bytes;
}

static void stop_box(boxlite_runtime* runtime, boxlite_box* box) {
  struct call call = {0, 0};
  boxlite_error* err = NULL;
  must(boxlite_box_stop(box, 0, on_done, &call, NULL, NULL, &err), err);
  wait_for(runtime, &call);
  boxlite_box_destroy(box);
}

static const char* const kTrue[] = {"true"};
static const char* const kPython[] = {"python3", "-c", "print(1)"};
static const char* const kZeros[] = {"dd", "if=/dev/zero", "bs=1000000", "count=256",
                                     "status=none"};

static void measure_boot(boxlite_runtime* runtime, int runs) {
  for (int run = 0; run < runs; ++run) {
    double start = now_ms();
    boxlite_box* box = create_box(runtime);
    exec_in(runtime, box, kTrue, 1);
    printf("%.3f\n", now_ms() - start);
    stop_box(runtime, box);
  }
}

static void measure_exec(boxlite_runtime* runtime, boxlite_box* box, const char* const* argv,
                         size_t argc, int runs) {
  for (int run = 0; run < runs; ++run) {
    double start = now_ms();
    exec_in(runtime, box, argv, argc);
    printf("%.3f\n", now_ms() - start);
  }
}

static void measure_batch(boxlite_runtime* runtime, boxlite_box* box, int runs) {
  for (int run = 0; run < runs; ++run) {
    double start = now_ms();
    for (int i = 0; i < kBatch; ++i) exec_in(runtime, box, kTrue, 1);
    printf("%.3f\n", (now_ms() - start) / kBatch);
  }
}

static void measure_at_once(boxlite_runtime* runtime, boxlite_box* box, int runs) {
  for (int run = 0; run < runs; ++run) {
    struct call calls[kBatch] = {{0, 0}};
    boxlite_execution* executions[kBatch];
    boxlite_error* err = NULL;
    double start = now_ms();
    for (int i = 0; i < kBatch; ++i) {
      boxlite_exec_options options = BOXLITE_EXEC_OPTIONS_INIT;
      options.argv = kTrue;
      options.argc = 1;
      options.on_exit = on_exit_;
      options.user_data = &calls[i];
      must(boxlite_box_exec(&executions[i], box, &options, &err), err);
    }
    for (int i = 0; i < kBatch; ++i) wait_for(runtime, &calls[i]);
    printf("%.3f\n", (now_ms() - start) / kBatch);
    for (int i = 0; i < kBatch; ++i) boxlite_execution_destroy(executions[i]);
  }
}

static void measure_stdout(boxlite_runtime* runtime, boxlite_box* box, int runs) {
  for (int run = 0; run < runs; ++run) {
    double start = now_ms();
    size_t bytes = exec_in(runtime, box, kZeros, 5);
    if (bytes != (size_t)kStdoutBlocks * 1000000) {
      fprintf(stderr, "%zu bytes came\n", bytes);
      exit(1);
    }
    printf("%.3f\n", (double)bytes / 1e3 / (now_ms() - start));
  }
}

static void measure_write(boxlite_runtime* runtime, boxlite_box* box, int runs) {
  char* data = malloc(kWriteBytes);
  if (data == NULL) exit(1);
  for (size_t i = 0; i < kWriteBytes; ++i) data[i] = (char)(i * 2654435761u >> 24);
  for (int run = 0; run < runs; ++run) {
    struct call call = {0, 0};
    boxlite_error* err = NULL;
    double start = now_ms();
    must(boxlite_box_write_file(box, "/var/measure", data, kWriteBytes, 0, on_done, &call, NULL,
                                NULL, &err),
         err);
    wait_for(runtime, &call);
    printf("%.3f\n", (double)kWriteBytes / 1e3 / (now_ms() - start));
  }
  free(data);
}

static void hold(boxlite_runtime* runtime, boxlite_box* box, int seconds) {
  boxlite_box_info* info = NULL;
  boxlite_error* err = NULL;
  exec_in(runtime, box, kPython, 3);
  must(boxlite_box_get_info(&info, box, &err), err);
  printf("%lld\n", (long long)boxlite_box_info_pid(info));
  fflush(stdout);
  boxlite_box_info_destroy(info);
  double end = now_ms() + seconds * 1e3;
  while (now_ms() < end) boxlite_runtime_drain(runtime, (int)(end - now_ms()));
}

int main(int argc, char** argv) {
  if (argc != 3) {
    fprintf(stderr, "usage: measure WHAT RUNS\n");
    return 2;
  }
  const char* what = argv[1];
  int runs = atoi(argv[2]);
  boxlite_runtime* runtime = NULL;
  boxlite_error* err = NULL;
  must(boxlite_runtime_create(&runtime, NULL, &err), err);
  if (strcmp(what, "boot") == 0) {
    measure_boot(runtime, runs);
  } else {
    boxlite_box* box = create_box(runtime);
    exec_in(runtime, box, kTrue, 1);
    if (strcmp(what, "exec") == 0) measure_exec(runtime, box, kTrue, 1, runs);
    if (strcmp(what, "batch") == 0) measure_batch(runtime, box, runs);
    if (strcmp(what, "at-once") == 0) measure_at_once(runtime, box, runs);
    if (strcmp(what, "python") == 0) measure_exec(runtime, box, kPython, 3, runs);
    if (strcmp(what, "stdout") == 0) measure_stdout(runtime, box, runs);
    if (strcmp(what, "write") == 0) measure_write(runtime, box, runs);
    if (strcmp(what, "hold") == 0) hold(runtime, box, runs);
    stop_box(runtime, box);
  }
  boxlite_runtime_destroy(runtime);
  return 0;
}
