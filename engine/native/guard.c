/* The deadline of calls into Python. */
#include "guard.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "python.h"

struct watched {
    _Atomic uint64_t since; /* when the call began, by `awake`; 0: there is none */
    _Atomic unsigned raised;
    unsigned long thread;
    struct watched *next;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct watched *all;
static __thread struct watched *own;
static _Atomic uint64_t deadline = 1000000000;
static void *late;

/* The nanoseconds that the watching thread has not slept longer than it wanted to, and 1. If the whole process is stopped,
 * or gets no processor, this clock stands still, and no call is late for that. */
static _Atomic uint64_t awake = 1;

static uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

/* Raise in one thread, if its call still runs. Inside the call it holds the lock or waits for it, so with the lock the
 * call cannot end meanwhile. A codec that swallows the exception gets it again, a deadline later. */
static void raise_in(struct watched *watched, uint64_t since) {
    int state = PyGILState_Ensure();
    if (atomic_load(&watched->since) == since) {
        atomic_fetch_add(&watched->raised, 1);
        PyThreadState_SetAsyncExc(watched->thread, late);
    }
    PyGILState_Release(state);
}

static void *watch(void *unused) {
    (void)unused;
    for (uint64_t before = now();;) {
        uint64_t allowed = atomic_load(&deadline), pause = allowed / 8;
        if (pause > 50000000) pause = 50000000;
        if (pause < 1000000) pause = 1000000;
        nanosleep(&(struct timespec){.tv_nsec = (long)pause}, NULL);
        uint64_t time = now(), slept = time - before;
        before = time;
        if (slept > 2 * pause) slept = 2 * pause;
        uint64_t clock = atomic_fetch_add(&awake, slept) + slept;
        allowed += 2 * pause; /* a call that began within this step would seem to be older */
        pthread_mutex_lock(&lock);
        struct watched *watched = all; /* it only grows, at its head */
        pthread_mutex_unlock(&lock);
        for (; watched; watched = watched->next) {
            uint64_t since = atomic_load(&watched->since);
            if (since && clock - since > allowed * (atomic_load(&watched->raised) + 1)) raise_in(watched, since);
        }
    }
    return NULL;
}

void guard_start(void *exception) {
    pthread_t thread;
    late = exception;
    if (!pthread_create(&thread, NULL, watch, NULL)) pthread_detach(thread);
}

void guard_set_deadline(uint64_t milliseconds) { atomic_store(&deadline, milliseconds * 1000000); }

void guard_begin(void) {
    if (!own) {
        if (!(own = calloc(1, sizeof *own))) return;
        own->thread = PyThread_get_thread_ident();
        pthread_mutex_lock(&lock);
        own->next = all;
        all = own;
        pthread_mutex_unlock(&lock);
    }
    atomic_store_explicit(&own->raised, 0, memory_order_relaxed);
    atomic_store_explicit(&own->since, atomic_load_explicit(&awake, memory_order_relaxed), memory_order_release);
}

bool guard_end(void) {
    if (!own) return false;
    atomic_store_explicit(&own->since, 0, memory_order_release);
    if (!atomic_load_explicit(&own->raised, memory_order_relaxed)) return false;
    PyThreadState_SetAsyncExc(own->thread, NULL);
    return true;
}
