/* Gathers a large message that comes in pieces, so that the codec gets it in one, and its bytes are copied once. Reads no
 * byte: the Python half says how many are missing. With the interpreter's lock. */
#ifndef MP_INTAKE_H
#define MP_INTAKE_H

#include "abi.h"

struct intake {
    void *bytes; /* NULL: nothing is gathered */
    char *data;
    size_t size, filled;
};

/* So much of a message may be held when the process holds as many bytes as it may: most messages are not longer. */
enum { INTAKE_SMALL = 16 << 10 };

/* Begin to gather, if the bytes begin a message that is large and not whole. `owner` is a Connection or an Attempt. */
void intake_begin(struct intake *intake, void *owner, const struct chunks *chunks, size_t available);
/* Take what belongs to the message; return how much. */
size_t intake_take(struct intake *intake, const struct chunks *chunks, size_t available);
bool intake_full(const struct intake *intake);
/* Return the message, a new reference, and gather nothing. */
void *intake_finish(struct intake *intake);
/* Without the lock, too. */
void intake_free(struct intake *intake);
/* Count what the owner keeps of a message that is not whole yet, towards the process's limit; `counted` was so until now.
 * Return false if there is no room for it. */
bool intake_count_kept(void *owner, size_t *counted);

#endif
