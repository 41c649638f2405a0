/* The way back of an attempt: the server's bytes go to the Python half, and what it finds in them is registered. Copies
 * them and reads none. */
#include <string.h>

#include "abi.h"
#include "bridge.h"
#include "codec_config.h"
#include "codec_filter.h"
#include "python.h"
#include "request.h"

/* Register a Result: (status, own headers, property headers, message, reply, unclean), which it keeps; NULL if it is none. */
static struct reply *make_reply(struct request *request, void *result) {
    void *own = PyTuple_GetItem(result, 1), *flat = PyTuple_GetItem(result, 2), *object = PyTuple_GetItem(result, 4);
    size_t own_count = (size_t)PyTuple_Size(own) / 2, flat_count = (size_t)PyTuple_Size(flat) / 2;
    struct text message;
    struct reply *reply = NULL;
    if (python_bytes(PyTuple_GetItem(result, 3), &message)) reply = reply_new(request, own_count + flat_count);
    if (!reply) return NULL;
    Py_IncRef(result);
    reply->result = result;
    reply->object = object;
    reply->stateful = PyLong_AsLong(PyTuple_GetItem(result, 6));
    reply->status = (unsigned)PyLong_AsLong(PyTuple_GetItem(result, 0));
    reply->unclean = PyLong_AsLong(PyTuple_GetItem(result, 5));
    reply->own_count = own_count;
    python_read_headers(reply->headers, own, own_count);
    python_read_headers(reply->headers + own_count, flat, flat_count);
    reply_set_message(reply, message);
    return reply;
}

/* The server's bytes as one object: what has just come, or a large message that it completes. `more`: it does not. */
static void *gather(struct bridge *bridge, const struct chunks *chunks, bool *more) {
    struct intake *intake = &bridge->intake;
    struct text copy;
    if (!intake->bytes && !bridge->request->is_stream) intake_begin(intake, bridge->attempt, chunks, chunks->size);
    size_t missing = intake->size - intake->filled;
    if (intake->bytes && chunks->size <= missing) {
        intake_take(intake, chunks, chunks->size);
        *more = !intake_full(intake);
        return *more ? NULL : intake_finish(intake);
    }
    size_t before = intake->filled; /* and there are surplus bytes after it */
    void *bytes = PyBytes_FromStringAndSize(NULL, (ssize_t)(before + chunks->size));
    if (!python_bytes(bytes, &copy)) return NULL;
    if (before) memcpy((void *)copy.data, intake->data, before);
    chunks_copy(chunks, (char *)copy.data + before, chunks->size);
    intake_free(intake);
    return bytes;
}

/* Feed the attempt's decoder; return what Attempt.feed does, or NULL if the codec failed. */
static void *feed(struct bridge *bridge) {
    struct chunks chunks;
    if (!abi_bridge_response_chunks(bridge->envoy, &chunks)) return NULL;
    if (!bridge->attempt) bridge->attempt = python_call_method(bridge->request->object, "attempt", NULL, NULL);
    void *result = NULL;
    if (bridge->attempt) {
        bool more = false;
        void *bytes = gather(bridge, &chunks, &more);
        if (more) {
            result = python_none();
        } else if (bytes) {
            result = python_call_method(bridge->attempt, "feed", bytes, NULL);
            bridge->received += chunks.size;
            requests_add_bytes((int64_t)chunks.size);
        }
        Py_DecRef(bytes);
    }
    chunks_free(&chunks);
    return result;
}

/* The process holds as many bytes as it may: this answer is not read any further, which frees what was read of it. */
static void answer_overflow(struct bridge *bridge) {
    bridge_forget_received(bridge);
    bridge_count(bridge, COUNT_IN_FLIGHT_OVER_LIMIT);
    python_enter();
    void *error = python_call_method(bridge->request->object, "no_room", NULL, NULL);
    python_leave();
    delivery_error(bridge, 503, error, true);
}

/* Queue a stream's messages for the client; false without memory. */
static bool queue_messages(struct request *request, void *messages) {
    ssize_t count_ = PyTuple_Size(messages);
    for (ssize_t i = 0; i < count_; i++) {
        void *message = PyTuple_GetItem(messages, i);
        struct text bytes;
        if (!python_bytes(message, &bytes)) continue;
        Py_IncRef(message);
        if (!messages_add(&request->to_client, message, bytes, false)) return false;
    }
    return true;
}

/* The server's bytes in a stream: (first answer or None, later messages, over, unclean). */
static void stream_data(struct bridge *bridge) {
    struct request *request = request_keep(bridge->request);
    struct reply *reply = NULL;
    bool good = false, over = false, unclean = false, first = !bridge->answered;
    bridge->busy = true;
    python_enter();
    void *result = feed(bridge);
    bool room = intake_count_kept(bridge->attempt, &bridge->received);
    if (!result) {
        bridge_count(bridge, python_was_late() ? COUNT_DEADLINES : COUNT_CODEC_EXCEPTIONS);
    } else if (PyTuple_Size(result) >= 0) {
        void *answer = PyTuple_GetItem(result, 0);
        room = queue_messages(request, PyTuple_GetItem(result, 1)) && room;
        good = bridge->sent && room;
        if (!room) bridge_count(bridge, COUNT_IN_FLIGHT_OVER_LIMIT);
        if (good && PyObject_IsTrue(answer) && !(reply = make_reply(request, answer))) good = false;
        over = PyLong_AsLong(PyTuple_GetItem(result, 2));
        unclean = PyLong_AsLong(PyTuple_GetItem(result, 3));
    } else {
        PyErr_Clear();
        bridge_count(bridge, PyLong_AsLong(result));
    }
    bridge->failed = !good;
    void *error = NULL;
    if (!good && first) error = python_call_method(request->object, room ? "bad_response" : "no_room", NULL, NULL);
    Py_DecRef(result);
    python_report();
    python_leave();
    if (reply) delivery_reply(bridge, reply);
    const char *lost = room ? "metaprotocol_bad_response" : "metaprotocol_no_room";
    struct codec_filter *filter = request->connection;
    if (!good && first) delivery_error(bridge, room ? 502 : 503, error, true);
    else if (filter && (!good || (over && unclean))) codec_filter_broken(filter, request, good ? NULL : lost);
    else if (filter) codec_filter_stream_messages(filter, request);
    if (good && over && !unclean && !bridge->dead) delivery_end_stream(bridge);
    request_release(request);
    bridge->busy = false;
    if (bridge->dead) bridge_free(bridge);
}

void bridge_response_data(void *object, bool end) {
    struct bridge *bridge = object;
    (void)end;
    if (bridge->request && bridge->request->is_stream) {
        if (!bridge->over && !bridge->failed && !bridge->shadow && !bridge->request->abandoned) stream_data(bridge);
        return;
    }
    if (bridge->answered || !bridge->request) return;
    if (bytes_over_limit()) return answer_overflow(bridge);
    python_enter();
    void *result = feed(bridge);
    struct reply *reply = NULL;
    bool more = false;
    if (!result) {
        bridge_count(bridge, python_was_late() ? COUNT_DEADLINES : COUNT_CODEC_EXCEPTIONS);
    } else if (PyObject_IsTrue(result) == 0) { /* None */
        more = bridge->sent; /* a server that speaks before it was asked is not believed */
    } else if (PyTuple_Size(result) >= 0) {
        reply = bridge->sent ? make_reply(bridge->request, result) : NULL;
        if (bridge->sent && !reply) bridge_count(bridge, COUNT_CODEC_EXCEPTIONS); /* its message is not bytes */
        if (reply && reply->unclean) bridge_count(bridge, COUNT_UPSTREAM_CLOSED);
    } else {
        PyErr_Clear();
        bridge_count(bridge, PyLong_AsLong(result));
    }
    if (!more) bridge_forget_received(bridge);
    void *error = NULL;
    if (!reply && !more) error = python_call_method(bridge->request->object, "bad_response", NULL, NULL);
    Py_DecRef(result);
    python_report();
    python_leave();
    if (reply) delivery_reply(bridge, reply);
    else if (!more) delivery_error(bridge, 502, error, true);
}
