#include "harness.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { kPatienceMs = 60000 };

static char home[PATH_MAX];

const char* test_home(void) {
  return home;
}

const char* test_rootfs(void) {
  const char* path = getenv("BOXLITE_TEST_ROOTFS");
  EXPECT(path != NULL);
  return path;
}

static long long now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

boxlite_runtime* open_runtime(void) {
  boxlite_runtime_options options = BOXLITE_RUNTIME_OPTIONS_INIT;
  boxlite_runtime* rt = NULL;
  options.home_dir = home;
  EXPECT_STATUS(boxlite_runtime_create(&rt, &options, &err), BOXLITE_OK);
  return rt;
}

boxlite_box* create_box(boxlite_runtime* rt, uint32_t flags) {
  boxlite_box_options options = BOXLITE_BOX_OPTIONS_INIT;
  boxlite_box* box = NULL;
  options.rootfs_path = test_rootfs();
  options.flags = flags;
  EXPECT_STATUS(boxlite_box_create(&box, rt, &options, &err), BOXLITE_OK);
  return box;
}

void drain_until(boxlite_runtime* rt, const int* finished) {
  long long deadline = now_ms() + kPatienceMs;
  while (!*finished) {
    EXPECT(now_ms() < deadline);
    EXPECT(boxlite_runtime_drain(rt, 1000) >= 0);
  }
}

void drain_for(boxlite_runtime* rt, int milliseconds) {
  long long deadline = now_ms() + milliseconds;
  while (now_ms() < deadline) EXPECT(boxlite_runtime_drain(rt, 10) >= 0);
}

void completion_done(void* user_data, boxlite_status status, const boxlite_error* err) {
  completion* c = user_data;
  EXPECT_EQ(c->finished, 0);
  EXPECT_EQ(c->finalized, 0);
  EXPECT((status == BOXLITE_OK) == (err == NULL));
  c->finished = 1;
  c->status = status;
  c->os_errno = boxlite_error_os_errno(err);
  snprintf(c->message, sizeof c->message, "%s", boxlite_error_message(err));
}

void completion_finalize(void* user_data) {
  completion* c = user_data;
  EXPECT_EQ(c->finalized, 0);
  c->finalized = 1;
}

static void append(char** to, size_t* size, const uint8_t* data, size_t count) {
  EXPECT(count > 0);
  *to = realloc(*to, *size + count + 1);
  EXPECT(*to != NULL);
  memcpy(*to + *size, data, count);
  *size += count;
  (*to)[*size] = '\0';
}

static void capture_on_start(void* user_data, int64_t guest_pid) {
  capture* c = user_data;
  EXPECT_EQ(c->started, 0);
  EXPECT_EQ(c->exit.finished, 0);
  EXPECT(guest_pid > 0);
  c->started = 1;
}

static void capture_on_stdout(void* user_data, const uint8_t* data, size_t size) {
  capture* c = user_data;
  EXPECT(c->started && !c->exit.finished);
  append(&c->out, &c->out_size, data, size);
}

static void capture_on_stderr(void* user_data, const uint8_t* data, size_t size) {
  capture* c = user_data;
  EXPECT(c->started && !c->exit.finished);
  append(&c->err, &c->err_size, data, size);
}

static void capture_on_exit(void* user_data, boxlite_status status, const boxlite_error* err,
                            const boxlite_exec_result* result) {
  capture* c = user_data;
  completion_done(&c->exit, status, err);
  EXPECT((status == BOXLITE_OK) == (result != NULL));
  if (result == NULL) return;
  EXPECT(c->started);
  c->exit_code = boxlite_exec_result_exit_code(result);
  c->timed_out = boxlite_exec_result_timed_out(result);
}

static void capture_finalize(void* user_data) {
  capture* c = user_data;
  EXPECT_EQ(c->exit.finished, 1);
  completion_finalize(&c->exit);
}

void capture_start(capture* into, boxlite_box* box, boxlite_exec_options* options) {
  memset(into, 0, sizeof *into);
  options->on_start = capture_on_start;
  options->on_stdout = capture_on_stdout;
  options->on_stderr = capture_on_stderr;
  options->on_exit = capture_on_exit;
  options->user_data = into;
  options->finalize = capture_finalize;
  EXPECT_STATUS(boxlite_box_exec(&into->execution, box, options, &err), BOXLITE_OK);
  EXPECT_EQ(into->started, 0);
}

void run_script(boxlite_runtime* rt, boxlite_box* box, const char* script, capture* into) {
  const char* argv[] = {"sh", "-c", script};
  boxlite_exec_options options = BOXLITE_EXEC_OPTIONS_INIT;
  options.argv = argv;
  options.argc = COUNT_OF(argv);
  capture_start(into, box, &options);
  drain_until(rt, &into->exit.finalized);
}

void capture_free(capture* captured) {
  boxlite_execution_destroy(captured->execution);
  free(captured->out);
  free(captured->err);
}

void stop_box(boxlite_runtime* rt, boxlite_box* box) {
  completion stopped = {0};
  EXPECT_STATUS(
      boxlite_box_stop(box, 0, completion_done, &stopped, completion_finalize, NULL, &err),
      BOXLITE_OK);
  drain_until(rt, &stopped.finalized);
  EXPECT_EQ(stopped.status, BOXLITE_OK);
}

fixture begin(void) {
  fixture f;
  f.rt = open_runtime();
  f.box = create_box(f.rt, BOXLITE_BOX_AUTO_REMOVE);
  return f;
}

void end(fixture* f) {
  stop_box(f->rt, f->box);
  boxlite_box_destroy(f->box);
  boxlite_runtime_destroy(f->rt);
}

boxlite_box_state state_of(const boxlite_box* box) {
  boxlite_box_info* info = NULL;
  boxlite_box_state state;
  EXPECT_STATUS(boxlite_box_get_info(&info, box, &err), BOXLITE_OK);
  state = boxlite_box_info_state(info);
  boxlite_box_info_destroy(info);
  return state;
}

static int count_entries(const char* path) {
  DIR* dir = opendir(path);
  int count = 0;
  struct dirent* entry;
  if (dir == NULL) return 0;
  while ((entry = readdir(dir)) != NULL) {
    if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) ++count;
  }
  closedir(dir);
  return count;
}

static void print_descriptors(void) {
  char command[64];
  snprintf(command, sizeof command, "ls -l /proc/%d/fd >&2", (int)getpid());
  if (system(command) != 0) perror("ls");
}

/* ThreadSanitizer has one of its own from the first thread on. */
#ifdef BOXLITE_TEST_TSAN
enum { kThreadsWithoutUs = 2 };
#else
enum { kThreadsWithoutUs = 1 };
#endif

static void expect_nothing_left(int descriptors_before) {
  char boxes[PATH_MAX + 8];
  if (count_entries("/proc/self/fd") != descriptors_before) print_descriptors();
  EXPECT_EQ(count_entries("/proc/self/fd"), descriptors_before);
  EXPECT_EQ(count_entries("/proc/self/task"), kThreadsWithoutUs);
  EXPECT(waitpid(-1, NULL, WNOHANG | __WALL) == -1 && errno == ECHILD);
  snprintf(boxes, sizeof boxes, "%s/boxes", home);
  EXPECT_EQ(count_entries(boxes), 0);
}

static int remove_entry(const char* path, const struct stat* info, int type, struct FTW* position) {
  (void)info, (void)type, (void)position;
  return remove(path);
}

static void make_home(void) {
  const char* base = getenv("TMPDIR");
  snprintf(home, sizeof home, "%s/boxlite-abi-XXXXXX", base != NULL ? base : "/tmp");
  EXPECT(mkdtemp(home) != NULL);
}

static const test_case* find_case(const char* name) {
  const test_case* groups[] = {answer_cases,    call_cases,      change_cases, contract_cases,
                               copy_cases,      execution_cases, file_cases,   image_cases,
                               lifecycle_cases, sharing_cases};
  size_t i;
  for (i = 0; i < COUNT_OF(groups); ++i) {
    const test_case* c;
    for (c = groups[i]; c->name != NULL; ++c) {
      if (name == NULL) puts(c->name);
      if (name != NULL && strcmp(c->name, name) == 0) return c;
    }
  }
  return NULL;
}

/* Without an argument: the names of the cases, for CMake. */
int main(int argc, char** argv) {
  const test_case* c = find_case(argc > 1 ? argv[1] : NULL);
  int descriptors_before;
  if (argc < 2) return 0;
  if (c == NULL) {
    fprintf(stderr, "no case %s\n", argv[1]);
    return 2;
  }
  make_home();
  /* libuv makes a pipe for its process with the first loop and keeps it. */
  boxlite_runtime_destroy(open_runtime());
  descriptors_before = count_entries("/proc/self/fd");
  c->run();
  expect_nothing_left(descriptors_before);
  nftw(home, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
  return 0;
}
