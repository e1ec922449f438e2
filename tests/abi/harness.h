/*
 * What the contract tests share. Each case runs in a process of its own with a home directory of
 * its own; after it, nothing may be left: no descriptor, no thread, no child, no box, no file of a
 * box.
 */
#ifndef BOXLITE_TESTS_ABI_HARNESS_H
#define BOXLITE_TESTS_ABI_HARNESS_H

#include <boxlite.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPECT(condition)                                                      \
  do {                                                                         \
    if (!(condition)) {                                                        \
      fprintf(stderr, "%s:%d: expected %s\n", __FILE__, __LINE__, #condition); \
      exit(1);                                                                 \
    }                                                                          \
  } while (0)

#define EXPECT_EQ(actual, wanted)                                                             \
  do {                                                                                        \
    long long actual_ = (long long)(actual);                                                  \
    long long wanted_ = (long long)(wanted);                                                  \
    if (actual_ != wanted_) {                                                                 \
      fprintf(stderr, "%s:%d: %s is %lld, expected %lld (%s)\n", __FILE__, __LINE__, #actual, \
              actual_, wanted_, #wanted);                                                     \
      exit(1);                                                                                \
    }                                                                                         \
  } while (0)

/* The status of `call`, whose last argument is `&err`; prints the error where it is not the one
 * that was wanted. */
#define EXPECT_STATUS(call, wanted)                                                     \
  do {                                                                                  \
    boxlite_error* err = NULL;                                                          \
    boxlite_status status_ = (call);                                                    \
    if (status_ != (wanted)) {                                                          \
      fprintf(stderr, "%s:%d: %s is %s (%s), expected %s\n", __FILE__, __LINE__, #call, \
              boxlite_status_name(status_), boxlite_error_message(err),                 \
              boxlite_status_name(wanted));                                             \
      exit(1);                                                                          \
    }                                                                                   \
    EXPECT((status_ == BOXLITE_OK) == (err == NULL));                                   \
    EXPECT_EQ(boxlite_error_status(err), status_);                                      \
    boxlite_error_destroy(err);                                                         \
  } while (0)

/* The same, and the message has to hold `text`. */
#define EXPECT_ERROR(call, wanted, text)                                                     \
  do {                                                                                       \
    boxlite_error* err = NULL;                                                               \
    boxlite_status status_ = (call);                                                         \
    if (status_ != (wanted) || strstr(boxlite_error_message(err), text) == NULL) {           \
      fprintf(stderr, "%s:%d: %s is %s (%s), expected %s with \"%s\"\n", __FILE__, __LINE__, \
              #call, boxlite_status_name(status_), boxlite_error_message(err),               \
              boxlite_status_name(wanted), text);                                            \
      exit(1);                                                                               \
    }                                                                                        \
    boxlite_error_destroy(err);                                                              \
  } while (0)

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

typedef struct test_case {
  const char* name;
  void (*run)(void);
} test_case;

/* Each file's cases, ended by one without a name. */
extern const test_case answer_cases[];
extern const test_case call_cases[];
extern const test_case change_cases[];
extern const test_case contract_cases[];
extern const test_case copy_cases[];
extern const test_case execution_cases[];
extern const test_case file_cases[];
extern const test_case image_cases[];
extern const test_case lifecycle_cases[];
extern const test_case sharing_cases[];

/* The home directory of this case. */
const char* test_home(void);
/* An OCI layout of busybox, from $BOXLITE_TEST_ROOTFS. */
const char* test_rootfs(void);

/* A runtime in test_home(). */
boxlite_runtime* open_runtime(void);
/* A box from test_rootfs(), not started, with BOXLITE_BOX_* flags. */
boxlite_box* create_box(boxlite_runtime* rt, uint32_t flags);
/* Both, the box removed when it stops. */
typedef struct fixture {
  boxlite_runtime* rt;
  boxlite_box* box;
} fixture;
fixture begin(void);
void end(fixture* f);
/* Drains until *finished is not 0; fails after a minute, so that a callback that never comes is not
 * a hang. */
void drain_until(boxlite_runtime* rt, const int* finished);
/* Drains for about so long, whatever comes. */
void drain_for(boxlite_runtime* rt, int milliseconds);

/* One completion: give completion_done, &completion, completion_finalize to the call. */
typedef struct completion {
  int finished;
  int finalized;
  boxlite_status status;
  int os_errno;
  char message[512];
} completion;
void completion_done(void* user_data, boxlite_status status, const boxlite_error* err);
void completion_finalize(void* user_data);

/* One execution with everything that came from it. */
typedef struct capture {
  completion exit;
  int started;
  int exit_code;
  int timed_out;
  char* out;
  size_t out_size;
  char* err;
  size_t err_size;
  boxlite_execution* execution;
} capture;
/* Fills in the callbacks; every other field of `options` is the caller's. */
void capture_start(capture* into, boxlite_box* box, boxlite_exec_options* options);
/* `sh -c script`, to its end. */
void run_script(boxlite_runtime* rt, boxlite_box* box, const char* script, capture* into);
void capture_free(capture* captured);

void stop_box(boxlite_runtime* rt, boxlite_box* box);
boxlite_box_state state_of(const boxlite_box* box);

#endif
