/* Threads that wait, without an event loop: the library runs the callbacks on a thread of its own,
 * and each thread sleeps until the callback of its command wakes it. They share one box, which the
 * first command starts. */
#include <boxlite.h>
#include <pthread.h>
#include <stdio.h>

enum { kThreads = 4 };

struct task {
  boxlite_box* box;
  int number;
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  /* guarded by mutex: callbacks come on the library's thread */
  int finished;
  int failed;
  char output[64];
  size_t size;
};

static int check(boxlite_status status, const boxlite_error* err) {
  if (status == BOXLITE_OK) return 1;
  fprintf(stderr, "%s: %s\n", boxlite_status_name(status), boxlite_error_message(err));
  return 0;
}

static void take_output(void* user_data, const uint8_t* data, size_t size) {
  struct task* task = user_data;
  pthread_mutex_lock(&task->mutex);
  for (size_t i = 0; i < size && task->size < sizeof task->output; ++i)
    task->output[task->size++] = (char)data[i];
  pthread_mutex_unlock(&task->mutex);
}

static void finish(struct task* task, int failed) {
  pthread_mutex_lock(&task->mutex);
  task->failed = failed;
  task->finished = 1;
  pthread_cond_signal(&task->changed);
  pthread_mutex_unlock(&task->mutex);
}

static void end_command(void* user_data, boxlite_status status, const boxlite_error* err,
                        const boxlite_exec_result* result) {
  finish(user_data, !check(status, err) || boxlite_exec_result_exit_code(result) != 0);
}

static void* square(void* argument) {
  struct task* task = argument;
  char code[64];
  const char* argv[] = {"python3", "-c", code};
  boxlite_exec_options options = BOXLITE_EXEC_OPTIONS_INIT;
  boxlite_execution* execution = NULL;
  boxlite_error* err = NULL;
  snprintf(code, sizeof code, "print(%d * %d)", task->number, task->number);
  options.argv = argv;
  options.argc = 3;
  options.on_stdout = take_output;
  options.on_exit = end_command;
  options.user_data = task;
  /* A call that failed never calls back. */
  if (!check(boxlite_box_exec(&execution, task->box, &options, &err), err)) finish(task, 1);
  pthread_mutex_lock(&task->mutex);
  while (!task->finished) pthread_cond_wait(&task->changed, &task->mutex);
  pthread_mutex_unlock(&task->mutex);
  boxlite_error_destroy(err);
  boxlite_execution_destroy(execution);
  return NULL;
}

static int run_tasks(boxlite_box* box) {
  static struct task tasks[kThreads]; /* zero */
  pthread_t threads[kThreads];
  int created = 0, failures = 0;
  for (; created < kThreads; ++created) {
    struct task* task = &tasks[created];
    task->box = box;
    task->number = created + 1;
    pthread_mutex_init(&task->mutex, NULL);
    pthread_cond_init(&task->changed, NULL);
    if (pthread_create(&threads[created], NULL, square, task) != 0) break;
  }
  for (int i = 0; i < created; ++i) {
    pthread_join(threads[i], NULL);
    fwrite(tasks[i].output, 1, tasks[i].size, stdout);
    failures += tasks[i].failed;
    pthread_cond_destroy(&tasks[i].changed);
    pthread_mutex_destroy(&tasks[i].mutex);
  }
  return failures + kThreads - created;
}

int main(void) {
  boxlite_runtime_options runtime_options = BOXLITE_RUNTIME_OPTIONS_INIT;
  boxlite_box_options box_options = BOXLITE_BOX_OPTIONS_INIT;
  boxlite_runtime* runtime = NULL;
  boxlite_box* box = NULL;
  boxlite_error* err = NULL;
  int failures = 1;
  runtime_options.flags = BOXLITE_RUNTIME_DRAIN_THREAD;
  box_options.image = "python:slim";
  box_options.flags = BOXLITE_BOX_AUTO_REMOVE;
  if (check(boxlite_runtime_create(&runtime, &runtime_options, &err), err) &&
      check(boxlite_box_create(&box, runtime, &box_options, &err), err))
    failures = run_tasks(box);
  boxlite_error_destroy(err);
  boxlite_box_destroy(box);
  boxlite_runtime_destroy(runtime);
  return failures != 0;
}
