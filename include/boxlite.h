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
 * where it is not NULL it is set to an error that you destroy, or to NULL on success. The comment
 * of a call names its errors; these any call may answer: INVALID_ARGUMENT, which names an argument
 * that is NULL or cannot be; INVALID_STATE in a forked child; STOPPED after the runtime's end, and
 * for new work after its shutdown; RESOURCE_EXHAUSTED where memory is short (*err may then be
 * NULL). What completes by a callback may complete with CANCELLED, also where the runtime ends
 * first, and with STOPPED where the box ends. What needs a box that runs starts it, and answers
 * what boxlite_box_start answers.
 *
 * A function that reads from a handle cannot fail: of NULL it reads "", 0, NULL or what else stands
 * for nothing.
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

#define BOXLITE_VERSION_MAJOR 0 /* of this header; another one may change names */
#define BOXLITE_VERSION_MINOR 1 /* another one adds; before 1.0 it may also change names */
#define BOXLITE_VERSION_PATCH 0 /* another one mends */

/* ==== types ==== */

typedef struct boxlite_runtime boxlite_runtime;         /* an open home directory */
typedef struct boxlite_box boxlite_box;                 /* one box of it, whether it runs or not */
typedef struct boxlite_box_info boxlite_box_info;       /* what the records say of a box */
typedef struct boxlite_box_list boxlite_box_list;       /* infos of boxes */
typedef struct boxlite_execution boxlite_execution;     /* a command in a box */
typedef struct boxlite_exec_result boxlite_exec_result; /* how it ended */
typedef struct boxlite_upload boxlite_upload;           /* a tar stream on its way into a box */
typedef struct boxlite_file_info boxlite_file_info;     /* what a path of a box names */
typedef struct boxlite_file_list boxlite_file_list;     /* what is in a directory of a box */
typedef struct boxlite_process_info boxlite_process_info;   /* a process in a box */
typedef struct boxlite_process_list boxlite_process_list;   /* those that run */
typedef struct boxlite_image_info boxlite_image_info;       /* what the records say of an image */
typedef struct boxlite_image_list boxlite_image_list;       /* infos of images */
typedef struct boxlite_prune_report boxlite_prune_report;   /* what a prune removed */
typedef struct boxlite_disk_usage boxlite_disk_usage;       /* what the home directory takes */
typedef struct boxlite_doctor_report boxlite_doctor_report; /* what this machine has for boxes */
typedef struct boxlite_operation boxlite_operation; /* something under way that can be cancelled */
typedef struct boxlite_error boxlite_error;         /* why a call failed */

/* How a call went; docs/errors.md has each. Append only; 15 to 19 and 21 are reserved. */
typedef enum boxlite_status {
  BOXLITE_OK = 0,
  BOXLITE_STATUS_INTERNAL = 1,         /* what must not happen; report it */
  BOXLITE_STATUS_NOT_FOUND = 2,        /* no box, image or file of this name */
  BOXLITE_STATUS_ALREADY_EXISTS = 3,   /* the name is taken */
  BOXLITE_STATUS_INVALID_STATE = 4,    /* not now: the message says what is the case */
  BOXLITE_STATUS_INVALID_ARGUMENT = 5, /* a value that cannot be; the message names it */
  BOXLITE_STATUS_CONFIG = 6,           /* the home directory, its config.json or the installation */
  BOXLITE_STATUS_STORAGE = 7,      /* a disk, or a file of boxlite, could not be read or written */
  BOXLITE_STATUS_IMAGE = 8,        /* an image that is damaged, or not for this machine */
  BOXLITE_STATUS_NETWORK = 9,      /* a registry cannot be reached, or answers nonsense */
  BOXLITE_STATUS_EXECUTION = 10,   /* a command could not be started; the errno says why */
  BOXLITE_STATUS_STOPPED = 11,     /* the runtime, the box or the command has ended */
  BOXLITE_STATUS_ENGINE = 12,      /* the machine does not start, or the isolation cannot be had */
  BOXLITE_STATUS_UNSUPPORTED = 13, /* this version does not have it */
  BOXLITE_STATUS_DATABASE = 14,    /* the records are damaged, or of another program */
  BOXLITE_STATUS_RESOURCE_EXHAUSTED = 20, /* memory, disk, descriptors, or a limit that was set */
  BOXLITE_STATUS_CANCELLED = 22,          /* cancelled, or its runtime ended first */
  BOXLITE_STATUS_TIMEOUT = 23, /* a box's process does not answer; not a command's timeout_ms */
  BOXLITE_STATUS_WOULD_DEADLOCK = 24, /* the call would wait for itself */
  BOXLITE_STATUS_PERMISSION = 25,     /* this user, or this account of a registry, may not */
  BOXLITE_STATUS_BUSY = 26            /* something uses it now; try again */
} boxlite_status;

/* What runs the machine. */
typedef enum boxlite_engine {
  BOXLITE_ENGINE_AUTO = 0, /* kvm where the host's is fit for it, else qemu */
  BOXLITE_ENGINE_KVM = 1,  /* boxlite's own monitor on /dev/kvm; ENGINE without one */
  BOXLITE_ENGINE_QEMU = 2  /* QEMU, which emulates in software */
} boxlite_engine;

/* What stands between a box and the host. */
typedef enum boxlite_isolation {
  BOXLITE_ISOLATION_ANY = 0,      /* whatever the engine gives */
  BOXLITE_ISOLATION_HARDWARE = 1, /* hardware virtualization, or an error of status ENGINE */
  BOXLITE_ISOLATION_SOFTWARE = 2  /* emulation; only reported, not to be asked for */
} boxlite_isolation;

/* Where a box is between its making and its end. */
typedef enum boxlite_box_state {
  BOXLITE_BOX_STATE_CREATED = 0,  /* recorded, never started */
  BOXLITE_BOX_STATE_STARTING = 1, /* its machine boots */
  BOXLITE_BOX_STATE_RUNNING = 2,  /* its agent answers */
  BOXLITE_BOX_STATE_PAUSED = 3,   /* not reported by this version */
  BOXLITE_BOX_STATE_STOPPING = 4, /* likewise: a box that is stopping is RUNNING until it stopped */
  BOXLITE_BOX_STATE_STOPPED = 5   /* ended; it may be started again */
} boxlite_box_state;

/* Why a box ended. */
typedef enum boxlite_exit_reason {
  BOXLITE_EXIT_REASON_NONE = 0,          /* it has not ended */
  BOXLITE_EXIT_REASON_STOPPED = 1,       /* it was asked to, or its start was cancelled */
  BOXLITE_EXIT_REASON_MAIN_EXITED = 2,   /* the execution that the box lived for ended */
  BOXLITE_EXIT_REASON_RESET = 3,         /* the guest restarted or switched itself off */
  BOXLITE_EXIT_REASON_PANIC = 4,         /* the guest's kernel panicked */
  BOXLITE_EXIT_REASON_OUT_OF_MEMORY = 5, /* the guest had no memory left */
  BOXLITE_EXIT_REASON_KILLED = 6,        /* the box's process was killed from outside */
  BOXLITE_EXIT_REASON_ENGINE = 7,        /* the machine monitor failed */
  BOXLITE_EXIT_REASON_BOOT = 8,          /* the guest never came up */
  BOXLITE_EXIT_REASON_LIFELINE = 9       /* the program that owned the box ended */
} boxlite_exit_reason;

/* How much is written to the log. */
typedef enum boxlite_log_level {
  BOXLITE_LOG_LEVEL_OFF = 0,
  BOXLITE_LOG_LEVEL_ERROR = 1,
  BOXLITE_LOG_LEVEL_WARN = 2,
  BOXLITE_LOG_LEVEL_INFO = 3,
  BOXLITE_LOG_LEVEL_DEBUG = 4,
  BOXLITE_LOG_LEVEL_TRACE = 5
} boxlite_log_level;

/* An output of a command. */
typedef enum boxlite_stream { BOXLITE_STREAM_STDOUT = 1, BOXLITE_STREAM_STDERR = 2 } boxlite_stream;

/* What a pull, a load or a save is at. */
typedef enum boxlite_phase {
  BOXLITE_PHASE_RESOLVE = 1, /* asking for the manifest */
  BOXLITE_PHASE_FETCH = 2,   /* bringing blobs, from a registry or an archive */
  BOXLITE_PHASE_CONVERT = 3, /* making the root file system */
  BOXLITE_PHASE_DONE = 4,
  BOXLITE_PHASE_SAVE = 5 /* writing an archive; @since 0.1 */
} boxlite_phase;

/* How something completed. `err` is NULL when status is BOXLITE_OK. */
typedef void (*boxlite_done_cb)(void* user_data, boxlite_status status, const boxlite_error* err);
/* user_data is not used any more. */
typedef void (*boxlite_finalize_cb)(void* user_data);
/* One line without line end. Comes on any thread, outside the callback contract: write it away and
 * return. */
typedef void (*boxlite_log_cb)(void* user_data, boxlite_log_level level, const char* line);
/* A piece of output or of a file; never empty. */
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
/* Frees an error of a call or of boxlite_error_copy, not one that a callback is given. @since 0.1
 */
BOXLITE_API void boxlite_error_destroy(boxlite_error* err);

/* ==== runtime ==== */

/* The library drains on a thread of its own: for programs without an event loop. Callbacks then run
 * on that thread. */
#define BOXLITE_RUNTIME_DRAIN_THREAD 1u

/* What a runtime is made with. */
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
 * default, and clears what a longer struct has beyond. `struct_size` is
 * sizeof(boxlite_runtime_options) of the caller. @since 0.1 */
BOXLITE_API void boxlite_runtime_options_init(boxlite_runtime_options* options, size_t struct_size);

/*
 * Opens a home directory; any number of runtimes, also of other processes, may have it open.
 * `options` may be NULL. The process's environment is copied now; pulls take proxies, SSL_CERT_FILE
 * and what credential helpers need from that copy. CONFIG where the home directory cannot be used
 * or there is none; DATABASE where its records are damaged, of a newer version or of another
 * program; BUSY where another process keeps them locked; INVALID_ARGUMENT. @since 0.1
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
/* Stops the boxes that this runtime started and that are not detached, waits for everything
 * outstanding (what is not done after timeout_ms is cancelled; 0 means 10 000) and then calls
 * `done`, after every other completion, with BOXLITE_OK. New work answers STOPPED. It may be called
 * again; each call completes. @since 0.1 */
BOXLITE_API BOXLITE_NODISCARD boxlite_status
boxlite_runtime_shutdown(boxlite_runtime* rt, uint32_t timeout_ms, boxlite_done_cb done,
                         void* user_data, boxlite_finalize_cb finalize, boxlite_error** err);
/* Ends the runtime: boxes that are not detached stop, outstanding callbacks run with status
 * CANCELLED and finalizers run, on the calling thread, before it returns (after 20 s at the latest
 * where a disk does not answer). Inside a callback it is put off to the end of that drain. NULL and
 * a forked child's: no effect. @since 0.1 */
BOXLITE_API void boxlite_runtime_destroy(boxlite_runtime* rt);

/* ==== operations ==== */

/* Asks for an early end; the completion then comes with CANCELLED, unless it was done already. May
 * be called at any time and more than once. @since 0.1 */
BOXLITE_API void boxlite_operation_cancel(boxlite_operation* operation);
/* Lets go of the handle; what it names goes on. @since 0.1 */
BOXLITE_API void boxlite_operation_destroy(boxlite_operation* operation);

/* ==== boxes ==== */

/* What a box is made with. */
typedef struct boxlite_box_options {
  size_t struct_size;
  const char* image;       /* an image reference; NULL: "python:slim" unless rootfs_path is set */
  const char* rootfs_path; /* instead of image: an OCI layout directory, an archive of one image, or
                              a tar of a root file system */
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
  uint32_t flags;              /* BOXLITE_BOX_* */
  boxlite_engine engine;       /* AUTO: the runtime's */
  boxlite_isolation isolation; /* ANY or HARDWARE */
  /* What runs in the box is bounded by these; 0: not bounded, but for the processes, of which there
   * may then be two for each MiB of memory. Each process: */
  uint64_t max_open_files;      /* descriptors, at most 1 048 576 */
  uint64_t max_file_size_bytes; /* of a file that it writes */
  uint64_t max_memory_bytes;    /* address space */
  uint64_t max_cpu_seconds;     /* processor time; then it is killed (SIGKILL) */
  /* All together: */
  uint64_t
      max_processes; /* threads included, 8 to 4 194 304; one execution may have seven eighths */
} boxlite_box_options;

#define BOXLITE_BOX_AUTO_REMOVE \
  1u                            /* removed when it stops, with its disk, which never has a name */
#define BOXLITE_BOX_DETACHED 2u /* lives on when the runtime that started it ends */
#define BOXLITE_BOX_NO_ENTRYPOINT 4u /* the image's entrypoint is not used */
#define BOXLITE_BOX_MAIN \
  8u /* who starts it again runs its entrypoint and cmd again; the library only keeps the flag */
/* To look into trouble with boxlite itself; each takes a wall away between the guest and this
 * machine that holds where the emulated machine's own does not: */
#define BOXLITE_BOX_NO_JAIL                                                                   \
  16u /* boxlite-vm and QEMU keep this machine's file system and namespaces; capabilities are \
         dropped */
#define BOXLITE_BOX_NO_SECCOMP 32u /* neither boxlite-vm nor QEMU has a filter of system calls */

#define BOXLITE_BOX_OPTIONS_INIT                                                                \
  {                                                                                             \
    sizeof(boxlite_box_options), NULL, NULL, NULL, 0, 0, NULL, 0, NULL, NULL, NULL, 0, NULL, 0, \
        NULL, 0, 0, BOXLITE_ENGINE_AUTO, BOXLITE_ISOLATION_ANY, 0, 0, 0, 0, 0                   \
  }

/* What BOXLITE_BOX_OPTIONS_INIT does; `struct_size` is sizeof(boxlite_box_options) of the caller.
 * @since 0.1 */
BOXLITE_API void boxlite_box_options_init(boxlite_box_options* options, size_t struct_size);

/* Validates and records a box; nothing is pulled or started yet. `options` may be NULL.
 * INVALID_ARGUMENT names the option; ALREADY_EXISTS where the name is taken; DATABASE, STORAGE,
 * BUSY where another process keeps the records locked. @since 0.1 */
BOXLITE_API BOXLITE_NODISCARD boxlite_status boxlite_box_create(boxlite_box** out,
                                                                boxlite_runtime* rt,
                                                                const boxlite_box_options* options,
                                                                boxlite_error** err);
/* The box with this name, id, or unique beginning of an id, whichever process made it. NOT_FOUND;
 * INVALID_ARGUMENT where more than one id begins so; DATABASE, BUSY where another process keeps the
 * records locked. @since 0.1 */
BOXLITE_API BOXLITE_NODISCARD boxlite_status boxlite_box_get(boxlite_box** out, boxlite_runtime* rt,
                                                             const char* id_or_name,
                                                             boxlite_error** err);
/* 26 characters (ULID); lives as long as the handle. @since 0.1 */
BOXLITE_API const char* boxlite_box_id(const boxlite_box* box);
/* Lets go of the handle; the box runs on, and stays recorded. @since 0.1 */
BOXLITE_API void boxlite_box_destroy(boxlite_box* box);

/* How far a pull, a load, a save or a start is. */
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
 * Cancelling ends the start, unless something else waits for it too. By `done`: what
 * boxlite_image_pull answers; ENGINE where it does not boot or the isolation cannot be had; CONFIG
 * where a part of the installation is missing; UNSUPPORTED for an engine that is not here;
 * NOT_FOUND where the box was removed; BUSY where another process holds it; TIMEOUT where its
 * process does not answer; STORAGE, RESOURCE_EXHAUSTED; CANCELLED, also where it was stopped
 * meanwhile. @since 0.1
 */
BOXLITE_API BOXLITE_NODISCARD boxlite_status boxlite_box_start(
    boxlite_box* box, boxlite_progress_cb progress, boxlite_done_cb done, void* user_data,
    boxlite_finalize_cb finalize, boxlite_operation** operation, boxlite_error** err);
/*
 * Asks the processes to end (SIGTERM), after timeout_ms (0: 10 000) ends the machine. `done` when
 * it has ended and its record says so, and when the box is auto-remove, when it is removed.
 * Stopping a box that does not run succeeds. Cancelling ends the wait, and not the stop. By `done`:
 * DATABASE, BUSY where another process keeps the records locked or holds the box; CANCELLED. @since
 * 0.1
 */
BOXLITE_API BOXLITE_NODISCARD boxlite_status boxlite_box_stop(boxlite_box* box, uint32_t timeout_ms,
                                                              boxlite_done_cb done, void* user_data,
                                                              boxlite_finalize_cb finalize,
                                                              boxlite_operation** operation,
                                                              boxlite_error** err);
/* `info` lives until the callback returns and is NULL where status is not BOXLITE_OK. */
typedef void (*boxlite_box_info_cb)(void* user_data, boxlite_status status,
                                    const boxlite_error* err, const boxlite_box_info* info);
/*
 * Waits for the box's end: `done` with what the records say then, the exit reason and code among
 * it, also of a box that is removed at its end. At once for a box that does not run; it is not
 * started. Cancelling ends the wait and not the box. By `done`: NOT_FOUND where it was removed;
 * CANCELLED. @since 0.1
 */
BOXLITE_API BOXLITE_NODISCARD boxlite_status
boxlite_box_wait(boxlite_box* box, boxlite_box_info_cb done, void* user_data,
                 boxlite_finalize_cb finalize, boxlite_operation** operation, boxlite_error** err);
#define BOXLITE_REMOVE_FORCE 1u /* a box that runs is stopped first, at once */
/* Removes the box, its disk and its record. Cancelling ends the wait, and not the removal.
 * INVALID_ARGUMENT for `flags` that are not known. By `done`: INVALID_STATE where it runs and FORCE
 * is not set; NOT_FOUND where it was removed already and FORCE is not set; DATABASE, BUSY, STORAGE;
 * CANCELLED. @since 0.1 */
BOXLITE_API BOXLITE_NODISCARD boxlite_status boxlite_box_remove(
    boxlite_box* box, uint32_t flags, boxlite_done_cb done, void* user_data,
    boxlite_finalize_cb finalize, boxlite_operation** operation, boxlite_error** err);

/*
 * With SIGKILL (9) ends the machine at once; `done` as for boxlite_box_stop. Any other signal of
 * Linux goes to the main execution (BOXLITE_EXEC_MAIN), whoever started it; `done` when it was
 * sent. INVALID_ARGUMENT outside 1 to 64; INVALID_STATE (also by `done`) where the box does not run
 * or has no main execution; NOT_FOUND; DATABASE, BUSY where another process keeps the records
 * locked. @since 0.1
 */
BOXLITE_API BOXLITE_NODISCARD boxlite_status boxlite_box_kill(boxlite_box* box, int number,
                                                              boxlite_done_cb done, void* user_data,
                                                              boxlite_finalize_cb finalize,
                                                              boxlite_operation** operation,
                                                              boxlite_error** err);
/* Another name; NULL or "": none. ALREADY_EXISTS where it is taken, INVALID_ARGUMENT for one that
 * cannot be, NOT_FOUND; DATABASE, BUSY where another process keeps the records locked. The hostname
 * of a box that runs stays. @since 0.1 */
BOXLITE_API BOXLITE_NODISCARD boxlite_status boxlite_box_rename(boxlite_box* box, const char* name,
                                                                boxlite_error** err);
/* Sets (1) or clears (0) BOXLITE_BOX_DETACHED for its next start. INVALID_ARGUMENT for another
 * number; INVALID_STATE where it runs; NOT_FOUND; DATABASE, BUSY where another process keeps the
 * records locked. @since 0.1 */
BOXLITE_API BOXLITE_NODISCARD boxlite_status boxlite_box_set_detached(boxlite_box* box,
                                                                      int detached,
                                                                      boxlite_error** err);

/* What the records say now, without asking the box. NOT_FOUND where it was removed, DATABASE, BUSY
 * where another process keeps the records locked, STOPPED. @since 0.1 */
BOXLITE_API BOXLITE_NODISCARD boxlite_status boxlite_box_get_info(boxlite_box_info** out,
                                                                  const boxlite_box* box,
                                                                  boxlite_error** err);
/* Only for an info from boxlite_box_get_info; that of a list goes with it. @since 0.1 */
BOXLITE_API void boxlite_box_info_destroy(boxlite_box_info* info);
/* 26 characters (ULID), as boxlite_box_id. @since 0.1 */
BOXLITE_API const char* boxlite_box_info_id(const boxlite_box_info* info);
/* "" where it has none. @since 0.1 */
BOXLITE_API const char* boxlite_box_info_name(const boxlite_box_info* info);
/* As it was given; "" for a box from rootfs_path. @since 0.1 */
BOXLITE_API const char* boxlite_box_info_image(const boxlite_box_info* info);
/* "" for a box from an image. @since 0.1 */
BOXLITE_API const char* boxlite_box_info_rootfs_path(const boxlite_box_info* info);
/* The state when the records were read. @since 0.1 */
BOXLITE_API boxlite_box_state boxlite_box_info_state(const boxlite_box_info* info);
/* "created", "starting", "running", "paused", "stopping", "stopped", "unknown" for any other
 * number; static. @since 0.1 */
BOXLITE_API const char* boxlite_box_state_name(boxlite_box_state state);
/* Process id of its boxlite-vm, 0 where it does not run. @since 0.1 */
BOXLITE_API int64_t boxlite_box_info_pid(const boxlite_box_info* info);
/* When it was made, milliseconds since 1970. @since 0.1 */
BOXLITE_API int64_t boxlite_box_info_created_at_ms(const boxlite_box_info* info);
/* Of its last start, milliseconds since 1970; 0 before the first. @since 0.1 */
BOXLITE_API int64_t boxlite_box_info_started_at_ms(const boxlite_box_info* info);
/* Of its last end, milliseconds since 1970; 0 before the first. @since 0.1 */
BOXLITE_API int64_t boxlite_box_info_stopped_at_ms(const boxlite_box_info* info);
/* Virtual processors. @since 0.1 */
BOXLITE_API uint32_t boxlite_box_info_cpus(const boxlite_box_info* info);
/* Memory of the machine in MiB. @since 0.1 */
BOXLITE_API uint32_t boxlite_box_info_memory_mib(const boxlite_box_info* info);
/* BOXLITE_BOX_* flags. @since 0.1 */
BOXLITE_API uint32_t boxlite_box_info_flags(const boxlite_box_info* info);
/* The limit on open files of each process that the box was made with; 0: none. @since 0.1 */
BOXLITE_API uint64_t boxlite_box_info_max_open_files(const boxlite_box_info* info);
/* Of a file that a process writes; 0: none. @since 0.1 */
BOXLITE_API uint64_t boxlite_box_info_max_file_size_bytes(const boxlite_box_info* info);
/* Of the address space of each process; 0: none. @since 0.1 */
BOXLITE_API uint64_t boxlite_box_info_max_memory_bytes(const boxlite_box_info* info);
/* Of the processor time of each process; 0: none. @since 0.1 */
BOXLITE_API uint64_t boxlite_box_info_max_cpu_seconds(const boxlite_box_info* info);
/* Of the processes of the box; 0: none was given, and it may have two for each MiB of its
 * memory. @since 0.1 */
BOXLITE_API uint64_t boxlite_box_info_max_processes(const boxlite_box_info* info);
/* The engine that runs or last ran it; AUTO before the first start. @since 0.1 */
BOXLITE_API boxlite_engine boxlite_box_info_engine(const boxlite_box_info* info);
/* Why that engine; "" before the first start. @since 0.1 */
BOXLITE_API const char* boxlite_box_info_engine_reason(const boxlite_box_info* info);
/* ANY before the first start. @since 0.1 */
BOXLITE_API boxlite_isolation boxlite_box_info_isolation(const boxlite_box_info* info);
/* Lines "layer: state" of the jail around the machine, '\n' between them; "" before the first
 * start. @since 0.1 */
BOXLITE_API const char* boxlite_box_info_jail(const boxlite_box_info* info);
/* Why it last ended; NONE where it has not, or has been started again. @since 0.1 */
BOXLITE_API boxlite_exit_reason boxlite_box_info_exit_reason(const boxlite_box_info* info);
/* There is no exit code. */
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
/* How many boxes there are. @since 0.1 */
BOXLITE_API size_t boxlite_box_list_size(const boxlite_box_list* list);
/* The n-th; lives as long as the list; NULL past the end. @since 0.1 */
BOXLITE_API const boxlite_box_info* boxlite_box_list_get(const boxlite_box_list* list, size_t n);
/* Frees the list and every info in it. @since 0.1 */
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

/* What runs, how, and whom it tells. */
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
  uint64_t timeout_ms;    /* then the whole process tree is killed; 0: none. A guest that does not
                           * do so within 30 s ends with its box. */
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
 * command a little later; where it cannot be started on_exit says why and on_start never comes.
 * INVALID_ARGUMENT for an empty argv and for what an option cannot be. By `on_exit`: EXECUTION with
 * errno ENOENT for a command that is not found, EACCES or ENOEXEC for one that cannot be executed,
 * E2BIG for too many arguments; INVALID_ARGUMENT for cwd and user; what boxlite_box_start answers;
 * STOPPED where the box ended under it; CANCELLED where it was killed before it started or its
 * runtime ended. @since 0.1
 */
BOXLITE_API BOXLITE_NODISCARD boxlite_status boxlite_box_exec(boxlite_execution** out,
                                                              boxlite_box* box,
                                                              const boxlite_exec_options* options,
                                                              boxlite_error** err);
/* Unique among the executions of this library; lives as long as the handle. @since 0.1 */
BOXLITE_API const char* boxlite_execution_id(const boxlite_execution* execution);
/* Copies and queues bytes for stdin; `done` (may be NULL) when the guest has taken them. BUSY where
 * more than 4 MiB wait already: go on when an earlier `done` has come. STOPPED after the end (also
 * by `done`), INVALID_STATE without BOXLITE_EXEC_STDIN or after close. @since 0.1 */
BOXLITE_API BOXLITE_NODISCARD boxlite_status boxlite_execution_write_stdin(
    boxlite_execution* execution, const void* data, size_t size, boxlite_done_cb done,
    void* user_data, boxlite_finalize_cb finalize, boxlite_error** err);
/* End of file after what is queued. Again, or after the end: no effect. INVALID_STATE without
 * BOXLITE_EXEC_STDIN. @since 0.1 */
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
 * without BOXLITE_EXEC_TTY. After the end: no effect. @since 0.1 */
BOXLITE_API BOXLITE_NODISCARD boxlite_status boxlite_execution_resize(boxlite_execution* execution,
                                                                      uint16_t rows,
                                                                      uint16_t columns,
                                                                      boxlite_error** err);
/* With BOXLITE_EXEC_MANUAL_CREDIT: so many bytes of `stream` were read, as many more may come.
 * INVALID_ARGUMENT beyond what came, and for another stream; INVALID_STATE without
 * BOXLITE_EXEC_MANUAL_CREDIT. @since 0.1 */
BOXLITE_API BOXLITE_NODISCARD boxlite_status boxlite_execution_consume(boxlite_execution* execution,
                                                                       boxlite_stream stream,
                                                                       size_t size,
                                                                       boxlite_error** err);
/* Lets go of the handle; the command runs on, and its callbacks come. @since 0.1 */
BOXLITE_API void boxlite_execution_destroy(boxlite_execution* execution);

/* The exit code, 0 to 255, or minus the number of the signal that ended it. @since 0.1 */
BOXLITE_API int boxlite_exec_result_exit_code(const boxlite_exec_result* result);
/* 1 where timeout_ms ended it. @since 0.1 */
BOXLITE_API int boxlite_exec_result_timed_out(const boxlite_exec_result* result);
/* Milliseconds from start to end in the guest. @since 0.1 */
BOXLITE_API uint64_t boxlite_exec_result_duration_ms(const boxlite_exec_result* result);

/* ==== files ==== */

/*
 * Writes a file in the box (started where it does not run), whole or not at all; parents are made.
 * `path` is absolute and `mode` at most 07777 (INVALID_ARGUMENT); 0 means 0644. `data` is copied.
 * By `done`: INVALID_ARGUMENT where a directory has the name; NOT_FOUND where a file stands in the
 * path; RESOURCE_EXHAUSTED where the disk is full; PERMISSION where it cannot be written;
 * CANCELLED. @since 0.1
 */
BOXLITE_API BOXLITE_NODISCARD boxlite_status boxlite_box_write_file(
    boxlite_box* box, const char* path, const void* data, size_t size, uint32_t mode,
    boxlite_done_cb done, void* user_data, boxlite_finalize_cb finalize,
    boxlite_operation** operation, boxlite_error** err);
/* Reads a file of the box: chunks in order by `on_data`, then `done`. `path` is absolute
 * (INVALID_ARGUMENT). By `done`: NOT_FOUND; INVALID_ARGUMENT for a directory; CANCELLED. The guest
 * decides how much comes: who keeps the bytes cancels `operation` where they get too many. @since
 * 0.1 */
BOXLITE_API BOXLITE_NODISCARD boxlite_status
boxlite_box_read_file(boxlite_box* box, const char* path, boxlite_data_cb on_data,
                      boxlite_done_cb done, void* user_data, boxlite_finalize_cb finalize,
                      boxlite_operation** operation, boxlite_error** err);

/* ==== copies ==== */

#define BOXLITE_COPY_NO_OVERWRITE \
  1u /* ALREADY_EXISTS, and nothing changed, where a file would be replaced */
#define BOXLITE_COPY_FOLLOW_LINK \
  2u /* where the source is a symbolic link: what it leads to; never those inside a tree */
#define BOXLITE_COPY_CONTENTS 4u /* of a directory: what is in it, as if its path ended in "/." */
#define BOXLITE_COPY_PARENTS 8u  /* directories above the destination that are missing are made */
#define BOXLITE_COPY_OWNERS 16u  /* numeric owners are kept; not for archives, which have theirs */

/* How files are copied. */
typedef struct boxlite_copy_options {
  size_t struct_size;
  uint32_t flags;     /* BOXLITE_COPY_* */
  const char* user;   /* into a box: owner of the files, name or number, ":group" may follow; NULL:
                         root, or whom an archive names */
  uint64_t max_bytes; /* out of a box: RESOURCE_EXHAUSTED where the files are larger together, holes
                         included; 0: any size */
} boxlite_copy_options;

#define BOXLITE_COPY_OPTIONS_INIT \
  { sizeof(boxlite_copy_options), 0, NULL, 0 }

/* What BOXLITE_COPY_OPTIONS_INIT does; `struct_size` is sizeof(boxlite_copy_options) of the caller.
 * @since 0.1 */
BOXLITE_API void boxlite_copy_options_init(boxlite_copy_options* options, size_t struct_size);

/* How far a copy is. */
typedef struct boxlite_copy_progress {
  uint64_t files; /* begun, directories included */
  uint64_t bytes; /* of the stream, into a box; of the files, out of one */
} boxlite_copy_progress;
/* The latest state; states in between may be left out. */
typedef void (*boxlite_copy_progress_cb)(void* user_data, const boxlite_copy_progress* progress);

/*
 * Copies a file or a directory of the host into the box (started where it does not run), with
 * modes, times, links, holes and extended attributes "user.*". As `cp -r` and `docker cp` have it:
 * into `guest_path` where that is a directory, else to that name; a source that ends in "/." is a
 * directory's contents. `host_path` is read by this process when its turn comes; `guest_path` is
 * absolute (INVALID_ARGUMENT). By `done`: NOT_FOUND where the source, or a parent without
 * BOXLITE_COPY_PARENTS, is missing; INVALID_ARGUMENT where a directory meets a file;
 * ALREADY_EXISTS; PERMISSION; RESOURCE_EXHAUSTED where the box's disk is full; CANCELLED. What was
 * copied before an error stays, unless BOXLITE_COPY_NO_OVERWRITE was set. `options`, `progress`,
 * `done`, `finalize` and `operation` may be NULL. docs/files.md has the rules. @since 0.1
 */
BOXLITE_API BOXLITE_NODISCARD boxlite_status
boxlite_box_copy_in(boxlite_box* box, const char* host_path, const char* guest_path,
                    const boxlite_copy_options* options, boxlite_copy_progress_cb progress,
                    boxlite_done_cb done, void* user_data, boxlite_finalize_cb finalize,
                    boxlite_operation** operation, boxlite_error** err);
/*
 * The other way, by the same rules. Whatever the box sends, nothing outside the destination is
 * touched: paths do not lead out, links that were there or came along are not written through
 * (PERMISSION), set-user-ID is left out, devices and FIFOs are refused (UNSUPPORTED). Set
 * `max_bytes` where the box may send more than the disk should take. @since 0.1
 */
BOXLITE_API BOXLITE_NODISCARD boxlite_status
boxlite_box_copy_out(boxlite_box* box, const char* guest_path, const char* host_path,
                     const boxlite_copy_options* options, boxlite_copy_progress_cb progress,
                     boxlite_done_cb done, void* user_data, boxlite_finalize_cb finalize,
                     boxlite_operation** operation, boxlite_error** err);

/* A file or directory of the box as a tar stream (pax): chunks in order by `on_data`, then `done`.
 * The root is called by the last name of `guest_path`. `flags` is 0 or BOXLITE_COPY_FOLLOW_LINK. By
 * `done`: NOT_FOUND. The guest writes the stream: do not trust it. @since 0.1 */
BOXLITE_API BOXLITE_NODISCARD boxlite_status boxlite_box_get_archive(
    boxlite_box* box, const char* guest_path, uint32_t flags, boxlite_data_cb on_data,
    boxlite_done_cb done, void* user_data, boxlite_finalize_cb finalize,
    boxlite_operation** operation, boxlite_error** err);
/*
 * Begins to unpack a tar stream (ustar, pax, GNU) into directory `guest_path`; the bytes come by
 * boxlite_upload_write, and boxlite_upload_finish ends them. Nothing is written outside the
 * directory. Destroying the handle before boxlite_upload_finish cancels. INVALID_ARGUMENT for a
 * path that is not absolute. By `done`, which comes when everything is there: INVALID_ARGUMENT
 * where the archive is damaged or ends early; NOT_FOUND where there is no such directory;
 * UNSUPPORTED for an entry of an unknown kind; and what boxlite_box_copy_in answers. @since 0.1
 */
BOXLITE_API BOXLITE_NODISCARD boxlite_status
boxlite_box_put_archive(boxlite_upload** out, boxlite_box* box, const char* guest_path,
                        const boxlite_copy_options* options, boxlite_done_cb done, void* user_data,
                        boxlite_finalize_cb finalize, boxlite_error** err);
/*
 * Copies and queues bytes; `done` (may be NULL) when the box has taken them. BUSY where more than
 * 4 MiB wait already: go on when an earlier `done` has come. STOPPED after the upload's end,
 * INVALID_STATE after finish. @since 0.1
 */
BOXLITE_API BOXLITE_NODISCARD boxlite_status
boxlite_upload_write(boxlite_upload* upload, const void* data, size_t size, boxlite_done_cb done,
                     void* user_data, boxlite_finalize_cb finalize, boxlite_error** err);
/* No more comes. Again: no effect. @since 0.1 */
BOXLITE_API BOXLITE_NODISCARD boxlite_status boxlite_upload_finish(boxlite_upload* upload,
                                                                   boxlite_error** err);
/* As boxlite_operation_cancel. @since 0.1 */
BOXLITE_API void boxlite_upload_cancel(boxlite_upload* upload);
/* Lets go of the handle; before boxlite_upload_finish that cancels. @since 0.1 */
BOXLITE_API void boxlite_upload_destroy(boxlite_upload* upload);

/* ==== files by name ==== */

/* The agent does these as root, without a shell. Paths are absolute (INVALID_ARGUMENT). Symbolic
 * links are followed in the directories of a path, and in its last name only where that is said. */

#define BOXLITE_FILE_FOLLOW_LINK 1u /* stat: what a symbolic link leads to */
#define BOXLITE_FILE_PARENTS 1u     /* make: parents too, and one that is there already is fine */
#define BOXLITE_FILE_NO_REPLACE 1u  /* rename: ALREADY_EXISTS where the name is taken */
#define BOXLITE_FILE_RECURSIVE 1u   /* remove: a directory with everything in it */

/* What a path names. */
typedef enum boxlite_file_type {
  BOXLITE_FILE_TYPE_UNKNOWN = 0, /* of a kind that this library does not know */
  BOXLITE_FILE_TYPE_FILE = 1,
  BOXLITE_FILE_TYPE_DIRECTORY = 2,
  BOXLITE_FILE_TYPE_SYMLINK = 3,
  BOXLITE_FILE_TYPE_CHARACTER_DEVICE = 4,
  BOXLITE_FILE_TYPE_BLOCK_DEVICE = 5,
  BOXLITE_FILE_TYPE_FIFO = 6,
  BOXLITE_FILE_TYPE_SOCKET = 7
} boxlite_file_type;

/* `info` lives until the callback returns and is NULL where status is not BOXLITE_OK. */
typedef void (*boxlite_file_info_cb)(void* user_data, boxlite_status status,
                                     const boxlite_error* err, const boxlite_file_info* info);
/* `list` lives until the callback returns and is NULL where status is not BOXLITE_OK. */
typedef void (*boxlite_file_list_cb)(void* user_data, boxlite_status status,
                                     const boxlite_error* err, const boxlite_file_list* list);

/* What a path names. By `done`: NOT_FOUND. @since 0.1 */
BOXLITE_API BOXLITE_NODISCARD boxlite_status boxlite_box_stat_file(
    boxlite_box* box, const char* path, uint32_t flags, boxlite_file_info_cb done, void* user_data,
    boxlite_finalize_cb finalize, boxlite_operation** operation, boxlite_error** err);
/* What is in a directory, by name, without "." and "..". By `done`: NOT_FOUND, also for what is no
 * directory (errno ENOTDIR); RESOURCE_EXHAUSTED beyond 64 MiB. @since 0.1 */
BOXLITE_API BOXLITE_NODISCARD boxlite_status boxlite_box_list_files(
    boxlite_box* box, const char* path, boxlite_file_list_cb done, void* user_data,
    boxlite_finalize_cb finalize, boxlite_operation** operation, boxlite_error** err);
/* Makes a directory; `mode` 0 means 0755. `flags` is 0 or BOXLITE_FILE_PARENTS. By `done`:
 * ALREADY_EXISTS; NOT_FOUND. @since 0.1 */
BOXLITE_API BOXLITE_NODISCARD boxlite_status
boxlite_box_make_directory(boxlite_box* box, const char* path, uint32_t mode, uint32_t flags,
                           boxlite_done_cb done, void* user_data, boxlite_finalize_cb finalize,
                           boxlite_operation** operation, boxlite_error** err);
/* As rename(2): a file that has the new name is replaced, a directory only where it is empty
 * (ALREADY_EXISTS). `flags` is 0 or BOXLITE_FILE_NO_REPLACE. By `done`: NOT_FOUND; UNSUPPORTED
 * between two file systems (errno EXDEV). @since 0.1 */
BOXLITE_API BOXLITE_NODISCARD boxlite_status
boxlite_box_rename_file(boxlite_box* box, const char* from, const char* to, uint32_t flags,
                        boxlite_done_cb done, void* user_data, boxlite_finalize_cb finalize,
                        boxlite_operation** operation, boxlite_error** err);
/* Removes a file, a symbolic link itself, or a directory: an empty one, or with
 * BOXLITE_FILE_RECURSIVE any. By `done`: NOT_FOUND; INVALID_ARGUMENT with errno ENOTEMPTY. @since
 * 0.1
 */
BOXLITE_API BOXLITE_NODISCARD boxlite_status boxlite_box_remove_file(
    boxlite_box* box, const char* path, uint32_t flags, boxlite_done_cb done, void* user_data,
    boxlite_finalize_cb finalize, boxlite_operation** operation, boxlite_error** err);

/* How many entries the directory has. @since 0.1 */
BOXLITE_API size_t boxlite_file_list_size(const boxlite_file_list* list);
/* The n-th; lives as long as the list; NULL past the end. @since 0.1 */
BOXLITE_API const boxlite_file_info* boxlite_file_list_get(const boxlite_file_list* list, size_t n);
/* The last name of its path. @since 0.1 */
BOXLITE_API const char* boxlite_file_info_name(const boxlite_file_info* info);
/* What it is; UNKNOWN for a kind that this library does not know. @since 0.1 */
BOXLITE_API boxlite_file_type boxlite_file_info_type(const boxlite_file_info* info);
/* Permissions, at most 07777. @since 0.1 */
BOXLITE_API uint32_t boxlite_file_info_mode(const boxlite_file_info* info);
/* Number of its owner in the box. @since 0.1 */
BOXLITE_API uint32_t boxlite_file_info_uid(const boxlite_file_info* info);
/* Number of its group in the box. @since 0.1 */
BOXLITE_API uint32_t boxlite_file_info_gid(const boxlite_file_info* info);
/* Bytes. @since 0.1 */
BOXLITE_API uint64_t boxlite_file_info_size(const boxlite_file_info* info);
/* Nanoseconds since 1970, by the box's clock. @since 0.1 */
BOXLITE_API int64_t boxlite_file_info_mtime_ns(const boxlite_file_info* info);
/* Where a symbolic link leads to; "" for anything else. @since 0.1 */
BOXLITE_API const char* boxlite_file_info_link(const boxlite_file_info* info);

/* ==== processes ==== */

/* `list` lives until the callback returns and is NULL where status is not BOXLITE_OK. */
typedef void (*boxlite_process_list_cb)(void* user_data, boxlite_status status,
                                        const boxlite_error* err, const boxlite_process_list* list);

/* What runs in the box, started where it does not run, without its kernel's threads and the agent.
 * By `done`: CANCELLED. @since 0.1 */
BOXLITE_API BOXLITE_NODISCARD boxlite_status boxlite_box_list_processes(
    boxlite_box* box, boxlite_process_list_cb done, void* user_data, boxlite_finalize_cb finalize,
    boxlite_operation** operation, boxlite_error** err);
/* How many processes there are. @since 0.1 */
BOXLITE_API size_t boxlite_process_list_size(const boxlite_process_list* list);
/* The n-th; lives as long as the list; NULL past the end. @since 0.1 */
BOXLITE_API const boxlite_process_info* boxlite_process_list_get(const boxlite_process_list* list,
                                                                 size_t n);
/* Process id in the box. @since 0.1 */
BOXLITE_API int64_t boxlite_process_info_pid(const boxlite_process_info* info);
/* The parent's process id in the box; 1 is the agent. @since 0.1 */
BOXLITE_API int64_t boxlite_process_info_ppid(const boxlite_process_info* info);
/* Number of the user that it runs as. @since 0.1 */
BOXLITE_API uint32_t boxlite_process_info_uid(const boxlite_process_info* info);
/* The user's name; "" where the box's /etc/passwd has none. @since 0.1 */
BOXLITE_API const char* boxlite_process_info_user(const boxlite_process_info* info);
/* As ps has it: 'R' runs, 'S' sleeps, 'D' waits for a disk, 'T' is stopped, 'Z' has ended; '?' for
 * anything else. @since 0.1 */
BOXLITE_API int boxlite_process_info_state(const boxlite_process_info* info);
/* Milliseconds of processor time that it has used. @since 0.1 */
BOXLITE_API uint64_t boxlite_process_info_cpu_ms(const boxlite_process_info* info);
/* Bytes of memory that are resident. @since 0.1 */
BOXLITE_API uint64_t boxlite_process_info_memory_bytes(const boxlite_process_info* info);
/* Milliseconds since 1970, by the box's clock. @since 0.1 */
BOXLITE_API int64_t boxlite_process_info_started_at_ms(const boxlite_process_info* info);
/* The n-th argument, NULL from the last on: at most 32 arguments and 4096 bytes of them are told.
 * One without arguments has its name in brackets. @since 0.1 */
BOXLITE_API const char* boxlite_process_info_arg(const boxlite_process_info* info, size_t n);

/* ==== images ==== */

/* `image` lives until the callback returns and is NULL where status is not BOXLITE_OK. */
typedef void (*boxlite_image_cb)(void* user_data, boxlite_status status, const boxlite_error* err,
                                 const boxlite_image_info* image);

/*
 * Fetches an image and makes its root file system; what is there already is not fetched again, but
 * the registry is asked whether the tag has moved. Two processes that pull one image do the work
 * once. A registry that asks gets the credentials that `docker login` left. INVALID_ARGUMENT for a
 * reference that is none. By `done`: NOT_FOUND; PERMISSION where the registry wants (other)
 * credentials, or has no such image and does not say so; NETWORK; IMAGE where it is damaged or not
 * for this platform; CONFIG for the home directory's config.json and the environment's proxies;
 * RESOURCE_EXHAUSTED; CANCELLED. @since 0.1
 */
BOXLITE_API BOXLITE_NODISCARD boxlite_status
boxlite_image_pull(boxlite_runtime* rt, const char* reference, boxlite_progress_cb progress,
                   boxlite_image_cb done, void* user_data, boxlite_finalize_cb finalize,
                   boxlite_operation** operation, boxlite_error** err);
/* Removes a reference, and what no other reference and no box uses. By `done`: NOT_FOUND; BUSY,
 * naming the box, where one uses it; INVALID_ARGUMENT for a reference that is none; DATABASE,
 * STORAGE. @since 0.1 */
BOXLITE_API BOXLITE_NODISCARD boxlite_status
boxlite_image_remove(boxlite_runtime* rt, const char* reference, boxlite_done_cb done,
                     void* user_data, boxlite_finalize_cb finalize, boxlite_error** err);
/* Every image of the home directory, one entry for each reference, by reference. DATABASE, BUSY
 * where another process keeps the records locked. @since 0.1 */
BOXLITE_API BOXLITE_NODISCARD boxlite_status boxlite_image_list_create(boxlite_image_list** out,
                                                                       boxlite_runtime* rt,
                                                                       boxlite_error** err);
/* How many there are. @since 0.1 */
BOXLITE_API size_t boxlite_image_list_size(const boxlite_image_list* list);
/* The n-th; lives as long as the list; NULL past the end. @since 0.1 */
BOXLITE_API const boxlite_image_info* boxlite_image_list_get(const boxlite_image_list* list,
                                                             size_t n);
/* Frees the list and every info in it. @since 0.1 */
BOXLITE_API void boxlite_image_list_destroy(boxlite_image_list* list);
/* Canonical: "docker.io/library/python:slim"; "" for an image that none names. @since 0.1 */
BOXLITE_API const char* boxlite_image_info_reference(const boxlite_image_info* info);
/* The image that `name` finds: a reference in any spelling, a digest, or the beginning of a digest
 * with at least four digits, with or without "sha256:". The info is yours until
 * boxlite_image_info_destroy. NOT_FOUND; INVALID_ARGUMENT where several digests begin so; DATABASE,
 * BUSY where another process keeps the records locked, STOPPED. @since 0.1 */
BOXLITE_API BOXLITE_NODISCARD boxlite_status boxlite_image_get_info(boxlite_image_info** out,
                                                                    boxlite_runtime* rt,
                                                                    const char* name,
                                                                    boxlite_error** err);
/* Only for an info from boxlite_image_get_info. @since 0.1 */
BOXLITE_API void boxlite_image_info_destroy(boxlite_image_info* info);
/* The n-th of all references that name the image, by name; NULL past the end, as for every function
 * here that takes `n` and gives a text. @since 0.1 */
BOXLITE_API const char* boxlite_image_info_reference_at(const boxlite_image_info* info, size_t n);
/* "sha256:…" of the manifest. @since 0.1 */
BOXLITE_API const char* boxlite_image_info_digest(const boxlite_image_info* info);
/* Where it was fetched from. @since 0.1 */
BOXLITE_API const char* boxlite_image_info_source(const boxlite_image_info* info);
/* Bytes of its layers as they were fetched. @since 0.1 */
BOXLITE_API uint64_t boxlite_image_info_size(const boxlite_image_info* info);
/* When it was pulled, milliseconds since 1970. @since 0.1 */
BOXLITE_API int64_t boxlite_image_info_pulled_at_ms(const boxlite_image_info* info);
/* "sha256:…" of the configuration. @since 0.1 */
BOXLITE_API const char* boxlite_image_info_config_digest(const boxlite_image_info* info);
/* When the image was made, as it says itself (RFC 3339); "". @since 0.1 */
BOXLITE_API const char* boxlite_image_info_created(const boxlite_image_info* info);
/* "linux". @since 0.1 */
BOXLITE_API const char* boxlite_image_info_os(const boxlite_image_info* info);
/* "amd64". @since 0.1 */
BOXLITE_API const char* boxlite_image_info_architecture(const boxlite_image_info* info);
/* Bytes that its root file system takes on the disk; 0 where that is not made yet. @since 0.1 */
BOXLITE_API uint64_t boxlite_image_info_unpacked_size(const boxlite_image_info* info);
/* The n-th element of the entrypoint. @since 0.1 */
BOXLITE_API const char* boxlite_image_info_entrypoint(const boxlite_image_info* info, size_t n);
/* The n-th element of the command. @since 0.1 */
BOXLITE_API const char* boxlite_image_info_cmd(const boxlite_image_info* info, size_t n);
/* The n-th variable, "NAME=value". @since 0.1 */
BOXLITE_API const char* boxlite_image_info_env(const boxlite_image_info* info, size_t n);
/* The n-th label, "name=value", by name. @since 0.1 */
BOXLITE_API const char* boxlite_image_info_label(const boxlite_image_info* info, size_t n);
/* "" where the image names none, as the next. @since 0.1 */
BOXLITE_API const char* boxlite_image_info_working_dir(const boxlite_image_info* info);
/* "" where the image names none. @since 0.1 */
BOXLITE_API const char* boxlite_image_info_user(const boxlite_image_info* info);
/* Layers, bottom up. @since 0.1 */
BOXLITE_API size_t boxlite_image_info_layer_count(const boxlite_image_info* info);
/* "sha256:…" of the n-th layer's blob. @since 0.1 */
BOXLITE_API const char* boxlite_image_info_layer_digest(const boxlite_image_info* info, size_t n);
/* "sha256:…" of what it unpacks to. @since 0.1 */
BOXLITE_API const char* boxlite_image_info_layer_diff_id(const boxlite_image_info* info, size_t n);
/* Bytes of its blob; 0 past the end. @since 0.1 */
BOXLITE_API uint64_t boxlite_image_info_layer_size(const boxlite_image_info* info, size_t n);
/* Steps of how the image was made, oldest first; 0 for an image without a history, or from
 * before this was recorded. @since 0.1 */
BOXLITE_API size_t boxlite_image_info_history_count(const boxlite_image_info* info);
/* RFC 3339, as the image says it; "". @since 0.1 */
BOXLITE_API const char* boxlite_image_info_history_created(const boxlite_image_info* info,
                                                           size_t n);
/* The command of the step; "". @since 0.1 */
BOXLITE_API const char* boxlite_image_info_history_created_by(const boxlite_image_info* info,
                                                              size_t n);
/* "" where there is none. @since 0.1 */
BOXLITE_API const char* boxlite_image_info_history_comment(const boxlite_image_info* info,
                                                           size_t n);
/* The layer that the step made, counted from 0; -1 where it made none. @since 0.1 */
BOXLITE_API int64_t boxlite_image_info_history_layer(const boxlite_image_info* info, size_t n);

/* Lets `reference`, without a digest, name the image that `name` finds (as for
 * boxlite_image_get_info), whatever it named before. NOT_FOUND; INVALID_ARGUMENT; DATABASE, BUSY,
 * STORAGE, STOPPED. @since 0.1 */
BOXLITE_API BOXLITE_NODISCARD boxlite_status boxlite_image_tag(boxlite_runtime* rt,
                                                               const char* name,
                                                               const char* reference,
                                                               boxlite_error** err);

/* `images` lives until the callback returns and is NULL where status is not BOXLITE_OK. */
typedef void (*boxlite_image_list_cb)(void* user_data, boxlite_status status,
                                      const boxlite_error* err, const boxlite_image_list* images);

/*
 * Reads every image of an archive: what `docker save` and `boxlite_image_save` write, or an OCI
 * layout as tar; plain or compressed by gzip or zstd. `fd` is read from where it stands and may be
 * a pipe; it is duplicated, so you may close yours at once. `name` (NULL: none) is the reference
 * for an image to which the archive gives none. Root file systems are made when a box wants them.
 * INVALID_ARGUMENT for a name or a descriptor that is none. By `done`: IMAGE where the archive is
 * none or damaged; INVALID_ARGUMENT where a name is missing; RESOURCE_EXHAUSTED; CANCELLED.
 * @since 0.1
 */
BOXLITE_API BOXLITE_NODISCARD boxlite_status
boxlite_image_load(boxlite_runtime* rt, int fd, const char* name, boxlite_progress_cb progress,
                   boxlite_image_list_cb done, void* user_data, boxlite_finalize_cb finalize,
                   boxlite_operation** operation, boxlite_error** err);
/*
 * Writes images, named as for boxlite_image_get_info, to `fd` as one tar: an OCI layout that
 * docker, podman and skopeo read as well. An image that is named by its digest has no name there.
 * `fd` may be a pipe; it is duplicated. Where the save fails, what was written is half an archive.
 * INVALID_ARGUMENT for a descriptor that is none or no name. By `done`: NOT_FOUND; IMAGE where a
 * stored blob is damaged; STORAGE, RESOURCE_EXHAUSTED where it cannot be written; CANCELLED.
 * @since 0.1
 */
BOXLITE_API BOXLITE_NODISCARD boxlite_status boxlite_image_save(
    boxlite_runtime* rt, const char* const* names, size_t name_count, int fd,
    boxlite_progress_cb progress, boxlite_done_cb done, void* user_data,
    boxlite_finalize_cb finalize, boxlite_operation** operation, boxlite_error** err);

/* Every image that no box was made from goes, also one that has a reference. */
#define BOXLITE_PRUNE_ALL 1u

/* `report` lives until the callback returns and is NULL where status is not BOXLITE_OK. */
typedef void (*boxlite_prune_cb)(void* user_data, boxlite_status status, const boxlite_error* err,
                                 const boxlite_prune_report* report);

/*
 * Removes blobs, root file systems and records that no reference and no box uses, and what
 * broken-off pulls have left for the next try. What another process works with stays. `flags`:
 * BOXLITE_PRUNE_*. A cancelled prune may have removed some. By `done`: DATABASE, BUSY, STORAGE.
 * @since 0.1
 */
BOXLITE_API BOXLITE_NODISCARD boxlite_status boxlite_image_prune(
    boxlite_runtime* rt, uint32_t flags, boxlite_prune_cb done, void* user_data,
    boxlite_finalize_cb finalize, boxlite_operation** operation, boxlite_error** err);
/* The n-th reference that was removed; NULL past the end. @since 0.1 */
BOXLITE_API const char* boxlite_prune_report_reference(const boxlite_prune_report* report,
                                                       size_t n);
/* Bytes that the disk got back. @since 0.1 */
BOXLITE_API uint64_t boxlite_prune_report_bytes(const boxlite_prune_report* report);

/* ==== disk usage ==== */

/* What takes disk space. */
typedef enum boxlite_disk_kind {
  BOXLITE_DISK_KIND_IMAGES = 0, /* blobs; the count is that of images */
  BOXLITE_DISK_KIND_ROOTFS = 1, /* root file systems made from images */
  BOXLITE_DISK_KIND_BOXES = 2,
  BOXLITE_DISK_KIND_CACHE = 3 /* half-done jobs, and blank disks */
} boxlite_disk_kind;

/* What the home directory takes on the disk now. DATABASE, BUSY where another process keeps the
 * records locked, STORAGE, STOPPED. @since 0.1 */
BOXLITE_API BOXLITE_NODISCARD boxlite_status boxlite_disk_usage_create(boxlite_disk_usage** out,
                                                                       boxlite_runtime* rt,
                                                                       boxlite_error** err);
/* Frees it. @since 0.1 */
BOXLITE_API void boxlite_disk_usage_destroy(boxlite_disk_usage* usage);
/* How many there are; 0 for a kind that is not known, as for the next three. @since 0.1 */
BOXLITE_API uint64_t boxlite_disk_usage_count(const boxlite_disk_usage* usage,
                                              boxlite_disk_kind kind);
/* Those in use: images and root file systems of boxes, boxes that run, jobs that work.
 * @since 0.1 */
BOXLITE_API uint64_t boxlite_disk_usage_active(const boxlite_disk_usage* usage,
                                               boxlite_disk_kind kind);
/* Bytes on the disk. @since 0.1 */
BOXLITE_API uint64_t boxlite_disk_usage_bytes(const boxlite_disk_usage* usage,
                                              boxlite_disk_kind kind);
/* Bytes that would be free without what is not in use. @since 0.1 */
BOXLITE_API uint64_t boxlite_disk_usage_reclaimable(const boxlite_disk_usage* usage,
                                                    boxlite_disk_kind kind);

/* ==== doctor ==== */

/* How a part of this machine is. */
typedef enum boxlite_doctor_state {
  BOXLITE_DOCTOR_STATE_OK = 0,
  BOXLITE_DOCTOR_STATE_WARNING = 1, /* boxes run, less well */
  BOXLITE_DOCTOR_STATE_ERROR = 2    /* boxes do not run */
} boxlite_doctor_state;

/* `report` lives until the callback returns and is NULL where status is not BOXLITE_OK. */
typedef void (*boxlite_doctor_cb)(void* user_data, boxlite_status status, const boxlite_error* err,
                                  const boxlite_doctor_report* report);

/* Looks at what boxes of the runtime's engine need from this machine. What is missing is told in
 * the report and is no error. @since 0.1 */
BOXLITE_API BOXLITE_NODISCARD boxlite_status boxlite_runtime_doctor(boxlite_runtime* rt,
                                                                    boxlite_doctor_cb done,
                                                                    void* user_data,
                                                                    boxlite_finalize_cb finalize,
                                                                    boxlite_error** err);
/* How many lines the report has. @since 0.1 */
BOXLITE_API size_t boxlite_doctor_report_size(const boxlite_doctor_report* report);
/* "kvm", "qemu", "kernel" …; NULL past the end, as for detail and hint. @since 0.1 */
BOXLITE_API const char* boxlite_doctor_report_name(const boxlite_doctor_report* report, size_t n);
/* How that is here; OK past the end. @since 0.1 */
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
