/* Gathers a large message that comes in pieces. */
#include "intake.h"

#include "python.h"
#include "request.h"

/* MOST bounds what a peer's word alone has us allocate; larger messages are gathered by
 * the decoder, which allocates as bytes come. */
enum { HEAD = 64, MOST = 1 << 20 };

void intake_begin(struct intake *intake, void *owner, const struct chunks *chunks, size_t available) {
    if (available < INTAKE_SMALL || bytes_over_limit()) return;
    char head[HEAD];
    chunks_copy(chunks, head, HEAD);
    void *argument = PyBytes_FromStringAndSize(head, HEAD);
    void *answer = python_call_method(owner, "size_of", argument, NULL);
    long size = answer ? PyLong_AsLong(answer) : 0;
    Py_DecRef(argument);
    Py_DecRef(answer);
    if (size <= (long)available || size > MOST) return python_report();
    struct text text;
    void *bytes = PyBytes_FromStringAndSize(NULL, size);
    if (!python_bytes(bytes, &text)) return;
    *intake = (struct intake){.bytes = bytes, .data = (char *)text.data, .size = (size_t)size};
    requests_add_bytes(size);
}

size_t intake_take(struct intake *intake, const struct chunks *chunks, size_t available) {
    size_t missing = intake->size - intake->filled, part = available < missing ? available : missing;
    chunks_copy(chunks, intake->data + intake->filled, part);
    intake->filled += part;
    return part;
}

bool intake_full(const struct intake *intake) { return intake->filled == intake->size; }

void *intake_finish(struct intake *intake) {
    void *bytes = intake->bytes;
    if (bytes) requests_add_bytes(-(int64_t)intake->size);
    *intake = (struct intake){0};
    return bytes;
}

void intake_free(struct intake *intake) {
    size_t size = intake->size;
    void *bytes = intake_finish(intake);
    if (bytes) python_drop_bytes(bytes, size);
}

bool intake_count_kept(void *owner, size_t *counted) {
    size_t size = python_size(owner, "buffered");
    requests_add_bytes((int64_t)size - (int64_t)*counted);
    *counted = size;
    return size <= INTAKE_SMALL || !bytes_over_limit();
}
