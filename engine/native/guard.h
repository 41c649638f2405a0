/* The deadline of calls into Python. A thread of its own watches the calls of all workers, and raises an exception in one
 * that takes too long. What runs inside one call of C (a regular expression, zlib) sees it only when it returns.
 * Knows threads and times, and of Python the exception alone. */
#ifndef MP_GUARD_H
#define MP_GUARD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Start the watching. `exception` is the class to raise. With the lock. */
void guard_start(void *exception);
/* Calls of all threads may take so long. */
void guard_set_deadline(uint64_t milliseconds);
/* Around a call, on its own thread, with the lock. Calls do not nest. `guard_end` returns true if the call was late: then
 * no exception comes any more. */
void guard_begin(void);
bool guard_end(void);

#endif
