/* clang-format off: it would join the lines of the sample and of the list. */
/*
 * boxlite: micro-VM sandboxes inside your process.
 *
 * A runtime opens a home directory. A box is a micro-VM made from an OCI image, with a Linux kernel
 * of its own. An execution is a command that runs in a box. Nothing runs as a daemon: a box that is
 * not detached ends with the runtime that started it.
 *
 *   boxlite_runtime *rt;
 *   boxlite_runtime_create(&rt, NULL, &err);
 *
 *   boxlite_box *box;
 *   boxlite_box_options bo = BOXLITE_BOX_OPTIONS_INIT;
 *   bo.image = "python:slim";
 *   boxlite_box_create(&box, rt, &bo, &err);
 *
 *   boxlite_execution *ex;
 *   boxlite_exec_options eo = BOXLITE_EXEC_OPTIONS_INIT;
 *   eo.argv = argv;
 *   eo.argc = 3;
 *   eo.on_stdout = print;
 *   eo.on_exit = done;
 *   boxlite_box_exec(&ex, box, &eo, &err);
 *   while (!finished) boxlite_runtime_drain(rt, -1);
 *
 * CALLBACKS. A call that takes callbacks returns at once; what happens afterwards is told by
 * callbacks, which run only inside boxlite_runtime_drain (or on the library's own thread where the
 * runtime was created with BOXLITE_RUNTIME_DRAIN_THREAD), with no lock held.
 *    1. A call that returned an error never calls back.
 *    2. A call that returned BOXLITE_OK completes exactly once, also when it is cancelled or the
 *       runtime shuts down.
 *    3. No callback runs inside the call that asked for it.
 *    4. Of one execution: on_start first, chunks in order per stream, on_exit after the last chunk,
 *       nothing after on_exit.
 *    5. Callbacks are given with the call that starts the work, so nothing can come before they are
 *       known.
 *    6. A pointer passed in is borrowed until the call returns, unless its text says otherwise.
 *    7. `finalize(user_data)` runs exactly once, after the last callback with that user_data. It
 *       does not run when the call returned an error.
 *    8. Every call is allowed inside a callback; one that would wait for another callback answers
 *       BOXLITE_STATUS_WOULD_DEADLOCK instead.
 *    9. A full queue stops reading from the guest: nothing is dropped and nothing grows without
 *       bound.
 *   10. Every function may be called from any thread, but not with a handle that another thread is
 *       destroying.
 *   11. Drains are serialised; a drain inside a callback answers BOXLITE_STATUS_WOULD_DEADLOCK. A
 *       callback runs on whichever thread drains.
 *   12. What a callback is given lives until it returns; boxlite_error_copy keeps an error.
 *   13. Treat a status that you do not know as BOXLITE_STATUS_INTERNAL, and ignore an enumerator
 *       that you do not know.
 *   14. In a forked child every call on an inherited handle answers BOXLITE_STATUS_INVALID_STATE
 *       and touches nothing of the parent's.
 *
 * OWNERSHIP. Every `boxlite_x **out` gives a handle that is yours until `boxlite_x_destroy`. A
 * destroy function accepts NULL, cannot fail, and does not stop what the handle names: a box runs
 * on, an execution runs on and keeps calling back. Handles may be destroyed in any order; the calls
 * of a box whose runtime is gone answer BOXLITE_STATUS_STOPPED. `const char *` results live as long
 * as the handle they were read from. Texts are UTF-8 where people read them; arguments, environment
 * entries and paths are bytes that end with NUL.
 *
 * ERRORS. Every fallible call returns a boxlite_status and takes an optional `boxlite_error **err`;
 * where it is not NULL it is set to an error that you destroy, or to NULL on success.
 *
 * OPTIONS. An options struct starts with its own size. Initialise it with its _INIT macro or its
 * _init function, and set what you need; a zero or NULL field means the default that its comment
 * names. A longer struct from a newer program is accepted when the part this library does not know
 * is zero.
 */
/* clang-format on */
#ifndef BOXLITE_H
#define BOXLITE_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define BOXLITE_API __attribute__((visibility("default")))
#define BOXLITE_NODISCARD __attribute__((warn_unused_result))
#else
#define BOXLITE_API
#define BOXLITE_NODISCARD
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define BOXLITE_VERSION_MAJOR 0
#define BOXLITE_VERSION_MINOR 1
#define BOXLITE_VERSION_PATCH 0

/* ==== types ==== */

typedef struct boxlite_runtime boxlite_runtime;
typedef struct boxlite_box boxlite_box;
typedef struct boxlite_box_info boxlite_box_info;
typedef struct boxlite_box_list boxlite_box_list;
typedef struct boxlite_execution boxlite_execution;
typedef struct boxlite_exec_result boxlite_exec_result;
typedef struct boxlite_image_info boxlite_image_info;
typedef struct boxlite_image_list boxlite_image_list;
typedef struct boxlite_doctor_report boxlite_doctor_report;
typedef struct boxlite_operation boxlite_operation;
typedef struct boxlite_error boxlite_error;

/* Append only. 15 to 19 and 21 are reserved. */
typedef enum boxlite_status {
  BOXLITE_OK = 0,
  BOXLITE_STATUS_INTERNAL = 1,
  BOXLITE_STATUS_NOT_FOUND = 2,
  BOXLITE_STATUS_ALREADY_EXISTS = 3,
  BOXLITE_STATUS_INVALID_STATE = 4,
  BOXLITE_STATUS_INVALID_ARGUMENT = 5,
  BOXLITE_STATUS_CONFIG = 6,
  BOXLITE_STATUS_STORAGE = 7,
  BOXLITE_STATUS_IMAGE = 8,
  BOXLITE_STATUS_NETWORK = 9,
  BOXLITE_STATUS_EXECUTION = 10,
  BOXLITE_STATUS_STOPPED = 11,
  BOXLITE_STATUS_ENGINE = 12,
  BOXLITE_STATUS_UNSUPPORTED = 13,
  BOXLITE_STATUS_DATABASE = 14,
  BOXLITE_STATUS_RESOURCE_EXHAUSTED = 20,
  BOXLITE_STATUS_CANCELLED = 22,
  BOXLITE_STATUS_TIMEOUT = 23,
  BOXLITE_STATUS_WOULD_DEADLOCK = 24,
  BOXLITE_STATUS_PERMISSION = 25,
  BOXLITE_STATUS_BUSY = 26
} boxlite_status;

typedef enum boxlite_engine {
  BOXLITE_ENGINE_AUTO = 0, /* the best that this library has for the host; today always qemu */
  BOXLITE_ENGINE_KVM = 1,  /* not in this version: starting answers UNSUPPORTED */
  BOXLITE_ENGINE_QEMU = 2
} boxlite_engine;

typedef enum boxlite_isolation {
  BOXLITE_ISOLATION_ANY = 0,
  BOXLITE_ISOLATION_HARDWARE = 1, /* hardware virtualization, or an error of status ENGINE */
  BOXLITE_ISOLATION_SOFTWARE = 2  /* emulation; only reported, not to be asked for */
} boxlite_isolation;

typedef enum boxlite_box_state {
  BOXLITE_BOX_STATE_CREATED = 0, /* recorded, never started */
  BOXLITE_BOX_STATE_STARTING = 1,
  BOXLITE_BOX_STATE_RUNNING = 2,
  BOXLITE_BOX_STATE_PAUSED = 3,   /* not reported by this version */
  BOXLITE_BOX_STATE_STOPPING = 4, /* likewise: a box that is stopping is RUNNING until it stopped */
  BOXLITE_BOX_STATE_STOPPED = 5
} boxlite_box_state;

typedef enum boxlite_exit_reason {
  BOXLITE_EXIT_REASON_NONE = 0, /* it has not ended */
  BOXLITE_EXIT_REASON_STOPPED = 1,
  BOXLITE_EXIT_REASON_MAIN_EXITED = 2, /* the execution that the box lived for ended */
  BOXLITE_EXIT_REASON_RESET = 3,       /* the guest restarted itself */
  BOXLITE_EXIT_REASON_PANIC = 4,       /* the guest's kernel panicked */
  BOXLITE_EXIT_REASON_OUT_OF_MEMORY = 5,
  BOXLITE_EXIT_REASON_KILLED = 6,  /* the box's process was killed from outside */
  BOXLITE_EXIT_REASON_ENGINE = 7,  /* the machine monitor failed */
  BOXLITE_EXIT_REASON_BOOT = 8,    /* the guest never came up */
  BOXLITE_EXIT_REASON_LIFELINE = 9 /* the program that owned the box ended */
} boxlite_exit_reason;

typedef enum boxlite_log_level {
  BOXLITE_LOG_LEVEL_OFF = 0,
  BOXLITE_LOG_LEVEL_ERROR = 1,
  BOXLITE_LOG_LEVEL_WARN = 2,
  BOXLITE_LOG_LEVEL_INFO = 3,
  BOXLITE_LOG_LEVEL_DEBUG = 4,
  BOXLITE_LOG_LEVEL_TRACE = 5
} boxlite_log_level;

typedef enum boxlite_stream { BOXLITE_STREAM_STDOUT = 1, BOXLITE_STREAM_STDERR = 2 } boxlite_stream;

typedef enum boxlite_phase {
  BOXLITE_PHASE_RESOLVE = 1, /* asking for the manifest */
  BOXLITE_PHASE_FETCH = 2,
  BOXLITE_PHASE_CONVERT = 3,
  BOXLITE_PHASE_DONE = 4
} boxlite_phase;

/* How something completed. `err` is NULL when status is BOXLITE_OK. */
typedef void (*boxlite_done_cb)(void* user_data, boxlite_status status, const boxlite_error* err);
typedef void (*boxlite_finalize_cb)(void* user_data);
/* One line without line end. Comes on any thread, outside the callback contract: write it away and
 * return. */
typedef void (*boxlite_log_cb)(void* user_data, boxlite_log_level level, const char* line);
typedef void (*boxlite_data_cb)(void* user_data, const uint8_t* data, size_t size);

/* ==== version ==== */

/* major << 16 | minor << 8 | patch of the library that is loaded. @since 0.1 */
BOXLITE_API uint32_t boxlite_version(void);
/* "0.1.0"; static. @since 0.1 */
BOXLITE_API const char* boxlite_version_string(void);

/* ==== errors ==== */

/* The status as a short name that programs compare ("not_found"; "internal" for one that is not
 * known); static. @since 0.1 */
BOXLITE_API const char* boxlite_status_name(boxlite_status status);
/* NULL is BOXLITE_OK. @since 0.1 */
BOXLITE_API boxlite_status boxlite_error_status(const boxlite_error* err);
/* One sentence that names the object; "" for NULL. @since 0.1 */
BOXLITE_API const char* boxlite_error_message(const boxlite_error* err);
/* What the user can do about it; "" where there is nothing. @since 0.1 */
BOXLITE_API const char* boxlite_error_hint(const boxlite_error* err);
/* The errno behind it, or 0. A command that is not found has ENOENT with BOXLITE_STATUS_EXECUTION.
 * @since 0.1 */
BOXLITE_API int boxlite_error_os_errno(const boxlite_error* err);
/* A copy of your own; NULL for NULL or where memory is short. @since 0.1 */
BOXLITE_API boxlite_error* boxlite_error_copy(const boxlite_error* err);
/* @since 0.1 */
BOXLITE_API void boxlite_error_destroy(boxlite_error* err);

/* ==== runtime ==== */

/* The library drains on a thread of its own: for programs without an event loop. Callbacks then run
 * on that thread. */
#define BOXLITE_RUNTIME_DRAIN_THREAD 1u

typedef struct boxlite_runtime_options {
  size_t struct_size;
  const char* home_dir; /* NULL: $BOXLITE_HOME, else ~/.boxlite; made where it is missing */
  const char* const* image_registries; /* searched in order for image names without a registry;
                                          "http://" where plain */
  size_t image_registry_count;
  uint32_t flags;              /* BOXLITE_RUNTIME_* */
  boxlite_engine engine;       /* for boxes that do not name one */
  boxlite_log_level log_level; /* OFF: what $BOXLITE_LOG names, else warn where log is set */
  boxlite_log_cb log;          /* NULL: standard error where $BOXLITE_LOG is set, else nowhere */
  void* log_user_data;
  boxlite_finalize_cb log_finalize; /* when the runtime is gone */
} boxlite_runtime_options;

#define BOXLITE_RUNTIME_OPTIONS_INIT                                                               \
  {                                                                                                \
    sizeof(boxlite_runtime_options), NULL, NULL, 0, 0, BOXLITE_ENGINE_AUTO, BOXLITE_LOG_LEVEL_OFF, \
        NULL, NULL, NULL                                                                           \
  }

/* What BOXLITE_RUNTIME_OPTIONS_INIT does, for languages without macros: sets every field to its
 * default. `struct_size` is sizeof(boxlite_runtime_options) of the caller. @since 0.1 */
BOXLITE_API void boxlite_runtime_options_init(boxlite_runtime_options* options, size_t struct_size);

/*
 * Opens a home directory; any number of runtimes, also of other processes, may have it open.
 * `options` may be NULL. CONFIG where the home directory cannot be used, DATABASE,
 * INVALID_ARGUMENT. @since 0.1
 */
BOXLITE_API BOXLITE_NODISCARD boxlite_status boxlite_runtime_create(
    boxlite_runtime** out, const boxlite_runtime_options* options, boxlite_error** err);
/*
 * A descriptor that becomes readable when callbacks wait: one end of a non-blocking socket pair.
 * Watch it, and when it is readable call boxlite_runtime_drain(rt, 0) until that returns 0; drain
 * reads the descriptor's bytes itself. The runtime owns it: dup it before you give it away, and
 * unwatch it before boxlite_runtime_destroy. -1 with BOXLITE_RUNTIME_DRAIN_THREAD. @since 0.1
 */
BOXLITE_API int boxlite_runtime_fd(const boxlite_runtime* rt);
/*
 * Runs the callbacks that wait, on this thread. With none waiting it waits up to timeout_ms for the
 * first (0: not at all, -1: without end). Returns how many ran, 0 for none, or minus a status:
 * -WOULD_DEADLOCK inside a callback or with the drain thread, -STOPPED where shutdown has
 * completed, -INVALID_STATE in a forked child. One call runs a bounded number; call until it
 * returns 0. @since 0.1
 */
BOXLITE_API int boxlite_runtime_drain(boxlite_runtime* rt, int timeout_ms);
/*
 * Stops the boxes that this runtime started and that are not detached, waits for everything
 * outstanding (what is not done after timeout_ms is cancelled; 0 means 10 000) and then calls
 * `done`, after every other completion. New work answers STOPPED.
 * @since 0.1
 */
BOXLITE_API BOXLITE_NODISCARD boxlite_status
boxlite_runtime_shutdown(boxlite_runtime* rt, uint32_t timeout_ms, boxlite_done_cb done,
                         void* user_data, boxlite_finalize_cb finalize, boxlite_error** err);
/*
 * Ends the runtime: boxes that are not detached stop, outstanding callbacks run with status
 * CANCELLED and finalizers run, on the calling thread, before it returns. Inside a callback it is
 * put off to the end of that drain. @since 0.1
 */
BOXLITE_API void boxlite_runtime_destroy(boxlite_runtime* rt);

/* ==== operations ==== */

/* Asks for an early end; the completion then comes with CANCELLED, unless it was done already. May
 * be called at any time and more than once. @since 0.1 */
BOXLITE_API void boxlite_operation_cancel(boxlite_operation* operation);
/* @since 0.1 */
BOXLITE_API void boxlite_operation_destroy(boxlite_operation* operation);

/* ==== boxes ==== */

typedef struct boxlite_box_options {
  size_t struct_size;
  const char* image;       /* an image reference; NULL: "python:slim" unless rootfs_path is set */
  const char* rootfs_path; /* an OCI layout directory, instead of image */
  const char* name;    /* unique in the home directory; NULL: none. At most 63 characters, first a
                          letter or digit, then also _ . - */
  uint32_t cpus;       /* 0: 1 */
  uint32_t memory_mib; /* 0: 512; 128 to the host's memory, at most 262 144 */
  const char* const* env; /* "NAME=value" */
  size_t env_count;
  const char* working_dir; /* NULL: the image's where it is set and not "/", else /root where it
                              exists, else / */
  const char* user;        /* name or number, ":group" may follow; NULL: the image's */
  const char* const* entrypoint; /* overrides the image's where entrypoint_count or
                                    BOXLITE_BOX_NO_ENTRYPOINT is set */
  size_t entrypoint_count;
  const char* const* cmd; /* overrides the image's where cmd_count is set */
  size_t cmd_count;
  const char* const* labels; /* "name=value" */
  size_t label_count;
  uint32_t flags;        /* BOXLITE_BOX_* */
  boxlite_engine engine; /* AUTO: the runtime's */
  boxlite_isolation isolation;
} boxlite_box_options;

#define BOXLITE_BOX_AUTO_REMOVE \
  1u                            /* removed when it stops, with its disk, which never has a name */
#define BOXLITE_BOX_DETACHED 2u /* lives on when the runtime that started it ends */
#define BOXLITE_BOX_NO_ENTRYPOINT 4u /* the image's entrypoint is not used */

#define BOXLITE_BOX_OPTIONS_INIT                                                                \
  {                                                                                             \
    sizeof(boxlite_box_options), NULL, NULL, NULL, 0, 0, NULL, 0, NULL, NULL, NULL, 0, NULL, 0, \
        NULL, 0, 0, BOXLITE_ENGINE_AUTO, BOXLITE_ISOLATION_ANY                                  \
  }

/* What BOXLITE_BOX_OPTIONS_INIT does; `struct_size` is sizeof(boxlite_box_options) of the caller.
 * @since 0.1 */
BOXLITE_API void boxlite_box_options_init(boxlite_box_options* options, size_t struct_size);

/*
 * Validates and records a box; nothing is pulled or started yet.
 * INVALID_ARGUMENT names the option; ALREADY_EXISTS where the name is taken. @since 0.1
 */
BOXLITE_API BOXLITE_NODISCARD boxlite_status boxlite_box_create(boxlite_box** out,
                                                                boxlite_runtime* rt,
                                                                const boxlite_box_options* options,
                                                                boxlite_error** err);
/* The box with this name, id, or unique beginning of an id, whichever process made it. NOT_FOUND;
 * INVALID_ARGUMENT where more than one id begins so. @since 0.1 */
BOXLITE_API BOXLITE_NODISCARD boxlite_status boxlite_box_get(boxlite_box** out, boxlite_runtime* rt,
                                                             const char* id_or_name,
                                                             boxlite_error** err);
/* 26 characters (ULID); lives as long as the handle. @since 0.1 */
BOXLITE_API const char* boxlite_box_id(const boxlite_box* box);
/* @since 0.1 */
BOXLITE_API void boxlite_box_destroy(boxlite_box* box);

typedef struct boxlite_progress {
  boxlite_phase phase;
  uint32_t layers_total, layers_done;
  uint64_t bytes_total, bytes_done; /* of the phase; total 0: not known yet */
} boxlite_progress;
/* The latest state; states in between may be left out. */
typedef void (*boxlite_progress_cb)(void* user_data, const boxlite_progress* progress);

/*
 * Pulls the image where it is missing and boots the machine; `done` when its agent answers.
 * Starting a box that runs succeeds. `progress`, `done`, `finalize` and `operation` may be NULL.
 * By `done`: what a pull answers; ENGINE where it does not boot or the isolation cannot be had;
 * UNSUPPORTED for an engine that is not here; NOT_FOUND where the box was removed; BUSY where
 * another process holds it; CANCELLED. @since 0.1
 */
BOXLITE_API BOXLITE_NODISCARD boxlite_status boxlite_box_start(
    boxlite_box* box, boxlite_progress_cb progress, boxlite_done_cb done, void* user_data,
    boxlite_finalize_cb finalize, boxlite_operation** operation, boxlite_error** err);
/*
 * Asks the processes to end (SIGTERM), after timeout_ms (0: 10 000) ends the machine. `done` when
 * it has ended and its record says so, and when the box is auto-remove, when it is removed.
 * Stopping a box that does not run succeeds. @since 0.1
 */
BOXLITE_API BOXLITE_NODISCARD boxlite_status boxlite_box_stop(boxlite_box* box, uint32_t timeout_ms,
                                                              boxlite_done_cb done, void* user_data,
                                                              boxlite_finalize_cb finalize,
                                                              boxlite_operation** operation,
                                                              boxlite_error** err);
#define BOXLITE_REMOVE_FORCE 1u /* a box that runs is stopped first, at once */
/* Removes the box, its disk and its record. INVALID_STATE (by `done`) where it runs and FORCE is
 * not set. @since 0.1 */
BOXLITE_API BOXLITE_NODISCARD boxlite_status boxlite_box_remove(
    boxlite_box* box, uint32_t flags, boxlite_done_cb done, void* user_data,
    boxlite_finalize_cb finalize, boxlite_operation** operation, boxlite_error** err);

/* What the records say now, without asking the box. NOT_FOUND where it was removed, DATABASE, BUSY
 * where another process keeps the records locked, STOPPED. @since 0.1 */
BOXLITE_API BOXLITE_NODISCARD boxlite_status boxlite_box_get_info(boxlite_box_info** out,
                                                                  const boxlite_box* box,
                                                                  boxlite_error** err);
/* @since 0.1 */
BOXLITE_API void boxlite_box_info_destroy(boxlite_box_info* info);
/* @since 0.1 */
BOXLITE_API const char* boxlite_box_info_id(const boxlite_box_info* info);
/* "" where it has none. @since 0.1 */
BOXLITE_API const char* boxlite_box_info_name(const boxlite_box_info* info);
/* As it was given; "" for a box from rootfs_path. @since 0.1 */
BOXLITE_API const char* boxlite_box_info_image(const boxlite_box_info* info);
/* "" for a box from an image. @since 0.1 */
BOXLITE_API const char* boxlite_box_info_rootfs_path(const boxlite_box_info* info);
/* @since 0.1 */
BOXLITE_API boxlite_box_state boxlite_box_info_state(const boxlite_box_info* info);
/* "created", "starting", "running", "paused", "stopping", "stopped", "unknown" for any other
 * number; static. @since 0.1 */
BOXLITE_API const char* boxlite_box_state_name(boxlite_box_state state);
/* Process id of its boxlite-vm, 0 where it does not run. @since 0.1 */
BOXLITE_API int64_t boxlite_box_info_pid(const boxlite_box_info* info);
/* Milliseconds since 1970; started and stopped are 0 where that has not happened. @since 0.1 */
BOXLITE_API int64_t boxlite_box_info_created_at_ms(const boxlite_box_info* info);
/* @since 0.1 */
BOXLITE_API int64_t boxlite_box_info_started_at_ms(const boxlite_box_info* info);
/* @since 0.1 */
BOXLITE_API int64_t boxlite_box_info_stopped_at_ms(const boxlite_box_info* info);
/* @since 0.1 */
BOXLITE_API uint32_t boxlite_box_info_cpus(const boxlite_box_info* info);
/* @since 0.1 */
BOXLITE_API uint32_t boxlite_box_info_memory_mib(const boxlite_box_info* info);
/* BOXLITE_BOX_* flags. @since 0.1 */
BOXLITE_API uint32_t boxlite_box_info_flags(const boxlite_box_info* info);
/* The engine that runs or last ran it; AUTO before the first start. @since 0.1 */
BOXLITE_API boxlite_engine boxlite_box_info_engine(const boxlite_box_info* info);
/* Why that engine; "" before the first start. @since 0.1 */
BOXLITE_API const char* boxlite_box_info_engine_reason(const boxlite_box_info* info);
/* ANY before the first start. @since 0.1 */
BOXLITE_API boxlite_isolation boxlite_box_info_isolation(const boxlite_box_info* info);
/* Lines "layer: state" of the jail around the machine, '\n' between them; "" before the first
 * start. @since 0.1 */
BOXLITE_API const char* boxlite_box_info_jail(const boxlite_box_info* info);
/* @since 0.1 */
BOXLITE_API boxlite_exit_reason boxlite_box_info_exit_reason(const boxlite_box_info* info);
#define BOXLITE_EXIT_CODE_NONE (-2147483647 - 1)
/* "none", "stopped", "main_exited", "reset", "panic", "out_of_memory", "killed", "engine", "boot",
 * "lifeline"; static.
 * @since 0.1 */
BOXLITE_API const char* boxlite_exit_reason_name(boxlite_exit_reason reason);
/* One sentence, with the last kernel lines where they say why; "". @since 0.1 */
BOXLITE_API const char* boxlite_box_info_exit_detail(const boxlite_box_info* info);
/* Exit code of the main execution (BOXLITE_EXEC_MAIN) or minus the signal's number, as
 * boxlite_exec_result_exit_code; BOXLITE_EXIT_CODE_NONE where there was none that ended.
 * @since 0.1 */
BOXLITE_API int boxlite_box_info_exit_code(const boxlite_box_info* info);
/* The n-th label as "name=value", NULL from the last on. @since 0.1 */
BOXLITE_API const char* boxlite_box_info_label(const boxlite_box_info* info, size_t n);

/* Every box of the home directory, oldest first. DATABASE, BUSY where another process keeps the
 * records locked, STOPPED. @since 0.1 */
BOXLITE_API BOXLITE_NODISCARD boxlite_status boxlite_box_list_create(boxlite_box_list** out,
                                                                     boxlite_runtime* rt,
                                                                     boxlite_error** err);
/* @since 0.1 */
BOXLITE_API size_t boxlite_box_list_size(const boxlite_box_list* list);
/* The n-th; lives as long as the list; NULL past the end. @since 0.1 */
BOXLITE_API const boxlite_box_info* boxlite_box_list_get(const boxlite_box_list* list, size_t n);
/* @since 0.1 */
BOXLITE_API void boxlite_box_list_destroy(boxlite_box_list* list);

/* ==== executions ==== */

#define BOXLITE_EXEC_TTY 1u /* a terminal; its output comes on stdout */
#define BOXLITE_EXEC_STDIN \
  2u /* stdin stays open for boxlite_execution_write_stdin; without it stdin is /dev/null */
#define BOXLITE_EXEC_DETACHED 4u /* goes on when this runtime ends, without its output */
#define BOXLITE_EXEC_MAIN 8u     /* the box stops when it ends, with its exit code */
#define BOXLITE_EXEC_ENTRYPOINT \
  16u /* the box's entrypoint goes before argv; with argc 0, entrypoint and cmd */
#define BOXLITE_EXEC_MANUAL_CREDIT                               \
  32u /* output counts as read only by boxlite_execution_consume \
       */

typedef struct boxlite_exec_options {
  size_t struct_size;
  const char* const* argv; /* argv[0] is looked up in PATH where it has no slash */
  size_t argc;
  const char* const* env; /* "NAME=value", over the box's and the image's */
  size_t env_count;
  const char* cwd;        /* NULL: the box's working directory; must exist */
  const char* user;       /* NULL: the box's */
  uint32_t flags;         /* BOXLITE_EXEC_* */
  uint16_t rows, columns; /* of the terminal; 0: 24 and 80 */
  uint64_t timeout_ms;    /* then the whole process tree is killed; 0: none */
  /* All optional. on_start: the command runs. on_exit is the completion; `result` is NULL where
   * status is not BOXLITE_OK. */
  void (*on_start)(void* user_data, int64_t guest_pid);
  boxlite_data_cb on_stdout;
  boxlite_data_cb on_stderr;
  void (*on_exit)(void* user_data, boxlite_status status, const boxlite_error* err,
                  const boxlite_exec_result* result);
  void* user_data;
  boxlite_finalize_cb finalize;
} boxlite_exec_options;

#define BOXLITE_EXEC_OPTIONS_INIT                                                             \
  {                                                                                           \
    sizeof(boxlite_exec_options), NULL, 0, NULL, 0, NULL, NULL, 0, 0, 0, 0, NULL, NULL, NULL, \
        NULL, NULL, NULL                                                                      \
  }

/* What BOXLITE_EXEC_OPTIONS_INIT does; `struct_size` is sizeof(boxlite_exec_options) of the caller.
 * @since 0.1 */
BOXLITE_API void boxlite_exec_options_init(boxlite_exec_options* options, size_t struct_size);

/*
 * Runs a command, starting the box first where it does not run. The handle is there at once, the
 * command a little later; where it could not be started on_exit says why and on_start never comes
 * (status EXECUTION with errno ENOENT for a command that is not found, EACCES or ENOEXEC for one
 * that cannot be executed; INVALID_ARGUMENT for cwd and user). @since 0.1
 */
BOXLITE_API BOXLITE_NODISCARD boxlite_status boxlite_box_exec(boxlite_execution** out,
                                                              boxlite_box* box,
                                                              const boxlite_exec_options* options,
                                                              boxlite_error** err);
/* Unique among the executions of this library; lives as long as the handle. @since 0.1 */
BOXLITE_API const char* boxlite_execution_id(const boxlite_execution* execution);
/*
 * Copies and queues bytes for stdin; `done` (may be NULL) when the guest has taken them. BUSY where
 * more than 4 MiB wait already: go on when an earlier `done` has come. STOPPED after the end,
 * INVALID_STATE without BOXLITE_EXEC_STDIN or after close. @since 0.1
 */
BOXLITE_API BOXLITE_NODISCARD boxlite_status boxlite_execution_write_stdin(
    boxlite_execution* execution, const void* data, size_t size, boxlite_done_cb done,
    void* user_data, boxlite_finalize_cb finalize, boxlite_error** err);
/* End of file after what is queued. Again: no effect. @since 0.1 */
BOXLITE_API BOXLITE_NODISCARD boxlite_status
boxlite_execution_close_stdin(boxlite_execution* execution, boxlite_error** err);
/* Sends a signal to the main process. INVALID_ARGUMENT outside 1 to 64. After the end: no effect.
 * @since 0.1 */
BOXLITE_API BOXLITE_NODISCARD boxlite_status boxlite_execution_signal(boxlite_execution* execution,
                                                                      int number,
                                                                      boxlite_error** err);
/* Sends a signal to the whole process tree; one that has not started yet does not start.
 * INVALID_ARGUMENT outside 1 to 64. After the end: no effect. @since 0.1 */
BOXLITE_API BOXLITE_NODISCARD boxlite_status boxlite_execution_kill(boxlite_execution* execution,
                                                                    int number,
                                                                    boxlite_error** err);
/* Sets the terminal's size, in characters, both at least 1 (INVALID_ARGUMENT). INVALID_STATE
 * without BOXLITE_EXEC_TTY. @since 0.1 */
BOXLITE_API BOXLITE_NODISCARD boxlite_status boxlite_execution_resize(boxlite_execution* execution,
                                                                      uint16_t rows,
                                                                      uint16_t columns,
                                                                      boxlite_error** err);
/* With BOXLITE_EXEC_MANUAL_CREDIT: so many bytes of `stream` were read, as many more may come.
 * INVALID_ARGUMENT beyond what came.
 * @since 0.1 */
BOXLITE_API BOXLITE_NODISCARD boxlite_status boxlite_execution_consume(boxlite_execution* execution,
                                                                       boxlite_stream stream,
                                                                       size_t size,
                                                                       boxlite_error** err);
/* @since 0.1 */
BOXLITE_API void boxlite_execution_destroy(boxlite_execution* execution);

/* The exit code, or minus the signal's number. @since 0.1 */
BOXLITE_API int boxlite_exec_result_exit_code(const boxlite_exec_result* result);
/* 1 where timeout_ms ended it. @since 0.1 */
BOXLITE_API int boxlite_exec_result_timed_out(const boxlite_exec_result* result);
/* From start to end in the guest. @since 0.1 */
BOXLITE_API uint64_t boxlite_exec_result_duration_ms(const boxlite_exec_result* result);

/* ==== files ==== */

/*
 * Writes a file in the box (started where it does not run), whole or not at all; parents are made.
 * `path` is absolute and `mode` at most 07777 (INVALID_ARGUMENT); 0 means 0644. `data` is copied.
 * @since 0.1
 */
BOXLITE_API BOXLITE_NODISCARD boxlite_status boxlite_box_write_file(
    boxlite_box* box, const char* path, const void* data, size_t size, uint32_t mode,
    boxlite_done_cb done, void* user_data, boxlite_finalize_cb finalize,
    boxlite_operation** operation, boxlite_error** err);
/* Reads a file of the box: chunks in order by `on_data`, then `done`. `path` is absolute
 * (INVALID_ARGUMENT). By `done`: NOT_FOUND; INVALID_ARGUMENT for a directory. The guest decides how
 * much comes: who keeps the bytes cancels `operation` where they get too many. @since 0.1 */
BOXLITE_API BOXLITE_NODISCARD boxlite_status
boxlite_box_read_file(boxlite_box* box, const char* path, boxlite_data_cb on_data,
                      boxlite_done_cb done, void* user_data, boxlite_finalize_cb finalize,
                      boxlite_operation** operation, boxlite_error** err);

/* ==== images ==== */

/* `image` lives until the callback returns and is NULL where status is not BOXLITE_OK. */
typedef void (*boxlite_image_cb)(void* user_data, boxlite_status status, const boxlite_error* err,
                                 const boxlite_image_info* image);

/*
 * Fetches an image and makes its root file system; what is there already is not fetched again, but
 * the registry is asked whether the tag has moved. Two processes that pull one image do the work
 * once. INVALID_ARGUMENT for a reference that is none. By `done`: NOT_FOUND; PERMISSION; NETWORK;
 * IMAGE where it is damaged or not for this platform; CONFIG for the home directory's config.json;
 * RESOURCE_EXHAUSTED; CANCELLED. @since 0.1
 */
BOXLITE_API BOXLITE_NODISCARD boxlite_status
boxlite_image_pull(boxlite_runtime* rt, const char* reference, boxlite_progress_cb progress,
                   boxlite_image_cb done, void* user_data, boxlite_finalize_cb finalize,
                   boxlite_operation** operation, boxlite_error** err);
/* Removes a reference, and what no other reference and no box uses. NOT_FOUND; BUSY where a box
 * uses it. @since 0.1 */
BOXLITE_API BOXLITE_NODISCARD boxlite_status
boxlite_image_remove(boxlite_runtime* rt, const char* reference, boxlite_done_cb done,
                     void* user_data, boxlite_finalize_cb finalize, boxlite_error** err);
/* Every image of the home directory. DATABASE, BUSY where another process keeps the records locked,
 * STOPPED. @since 0.1 */
BOXLITE_API BOXLITE_NODISCARD boxlite_status boxlite_image_list_create(boxlite_image_list** out,
                                                                       boxlite_runtime* rt,
                                                                       boxlite_error** err);
/* @since 0.1 */
BOXLITE_API size_t boxlite_image_list_size(const boxlite_image_list* list);
/* The n-th; lives as long as the list; NULL past the end. @since 0.1 */
BOXLITE_API const boxlite_image_info* boxlite_image_list_get(const boxlite_image_list* list,
                                                             size_t n);
/* @since 0.1 */
BOXLITE_API void boxlite_image_list_destroy(boxlite_image_list* list);
/* Canonical: "docker.io/library/python:slim". @since 0.1 */
BOXLITE_API const char* boxlite_image_info_reference(const boxlite_image_info* info);
/* "sha256:…" of the manifest. @since 0.1 */
BOXLITE_API const char* boxlite_image_info_digest(const boxlite_image_info* info);
/* Where it was fetched from. @since 0.1 */
BOXLITE_API const char* boxlite_image_info_source(const boxlite_image_info* info);
/* Bytes of its layers as they were fetched. @since 0.1 */
BOXLITE_API uint64_t boxlite_image_info_size(const boxlite_image_info* info);
/* When it was pulled, milliseconds since 1970. @since 0.1 */
BOXLITE_API int64_t boxlite_image_info_pulled_at_ms(const boxlite_image_info* info);

/* ==== doctor ==== */

typedef enum boxlite_doctor_state {
  BOXLITE_DOCTOR_STATE_OK = 0,
  BOXLITE_DOCTOR_STATE_WARNING = 1, /* boxes run, less well */
  BOXLITE_DOCTOR_STATE_ERROR = 2    /* boxes do not run */
} boxlite_doctor_state;

/* `report` lives until the callback returns and is NULL where status is not BOXLITE_OK. */
typedef void (*boxlite_doctor_cb)(void* user_data, boxlite_status status, const boxlite_error* err,
                                  const boxlite_doctor_report* report);

/* Looks at what boxes need from this machine. @since 0.1 */
BOXLITE_API BOXLITE_NODISCARD boxlite_status boxlite_runtime_doctor(boxlite_runtime* rt,
                                                                    boxlite_doctor_cb done,
                                                                    void* user_data,
                                                                    boxlite_finalize_cb finalize,
                                                                    boxlite_error** err);
/* @since 0.1 */
BOXLITE_API size_t boxlite_doctor_report_size(const boxlite_doctor_report* report);
/* "kvm", "qemu", "kernel" …; NULL past the end, as for the next three. @since 0.1 */
BOXLITE_API const char* boxlite_doctor_report_name(const boxlite_doctor_report* report, size_t n);
/* @since 0.1 */
BOXLITE_API boxlite_doctor_state boxlite_doctor_report_state(const boxlite_doctor_report* report,
                                                             size_t n);
/* What was found. @since 0.1 */
BOXLITE_API const char* boxlite_doctor_report_detail(const boxlite_doctor_report* report, size_t n);
/* What to do about it; "" where nothing is wrong. @since 0.1 */
BOXLITE_API const char* boxlite_doctor_report_hint(const boxlite_doctor_report* report, size_t n);

#ifdef __cplusplus
}
#endif
#endif /* BOXLITE_H */
