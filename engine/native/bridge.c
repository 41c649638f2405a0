/* The upstream half: one attempt to get the answer to a registered request. */
#include "bridge.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "abi.h"
#include "codec_config.h"
#include "codec_filter.h"
#include "http_filter.h"
#include "python.h"
#include "request.h"

enum { FEW_HEADERS = 48 };

static const struct text SHADOW = {"-shadow", 7};

void *bridge_new(void *envoy) {
    struct bridge *bridge = calloc(1, sizeof *bridge);
    if (bridge) bridge->envoy = envoy;
    return bridge;
}

static void forget_received(struct bridge *bridge) {
    intake_free(&bridge->intake);
    requests_add_bytes(-(int64_t)bridge->received);
    python_drop_bytes(bridge->attempt, bridge->received);
    bridge->received = 0;
    bridge->attempt = NULL;
}

void bridge_free(void *object) {
    struct bridge *bridge = object;
    if (!bridge) return;
    if (bridge->busy) {
        bridge->dead = true;
        return;
    }
    if (bridge->held_by) codec_filter_unhold(bridge->held_by, bridge);
    forget_received(bridge);
    python_drop_later(bridge->outgoing_holder);
    request_release(bridge->request);
    free(bridge);
}

static void count(struct bridge *bridge, long counter) {
    if (bridge->request->connection) codec_filter_count(bridge->request->connection, counter);
}

/* Hand response headers to Envoy, which may destroy the bridge meanwhile (the router retries). There is never a body: the
 * message goes from the registry to the client. */
static void respond(struct bridge *bridge, unsigned status, struct header *headers, size_t headers_count, bool end) {
    bool was_busy = bridge->busy;
    bridge->busy = true;
    abi_bridge_send_response(bridge->envoy, status, headers, headers_count, end);
    bridge->busy = was_busy;
    if (bridge->dead) bridge_free(bridge);
}

/* ---- replies */

/* There is no memory for an answer: the codec filter ends the request. A mirror's waits for its own timeout. */
static void give_up(struct bridge *bridge) {
    bridge->answered = true;
    count(bridge, COUNT_IN_FLIGHT_OVER_LIMIT);
    struct codec_filter *filter = bridge->request->connection;
    if (filter && !bridge->shadow) codec_filter_broken(filter, bridge->request, "metaprotocol_no_room");
}

static void respond_with(struct bridge *bridge, struct reply *reply, unsigned status) {
    struct header few[FEW_HEADERS], *headers = few;
    if (reply->count + 1 > FEW_HEADERS) headers = malloc((reply->count + 1) * sizeof *headers);
    if (!headers) return give_up(bridge);
    headers[0].name = HEADER_REPLY;
    headers[0].value = (struct text){reply->secret, sizeof reply->secret};
    if (reply->count) memcpy(headers + 1, reply->headers, reply->count * sizeof *headers);
    /* Without an end the server's connection is closed when the client has its answer, and never used again. */
    bool goes_on = reply->unclean || (bridge->request->is_stream && !reply->is_error);
    respond(bridge, status, headers, reply->count + 1, !goes_on);
    if (headers != few) free(headers);
}

/* A stream is over: the response ends, and the server's connection goes back to its pool. */
static void end_response(struct bridge *bridge) {
    bool was_busy = bridge->busy;
    bridge->busy = true;
    abi_bridge_end_response(bridge->envoy);
    bridge->busy = was_busy;
    if (bridge->dead) bridge_free(bridge);
}

/* Held, where the client does not read. */
static void end_stream(struct bridge *bridge) {
    bridge->over = true;
    struct codec_filter *filter = bridge->request->connection;
    if (!filter || !codec_filter_hold(filter, bridge)) end_response(bridge);
}

/* It is this one's turn: it is not held again, whoever else waits. */
void bridge_continue(struct bridge *bridge) {
    if (bridge->over) return end_response(bridge);
    struct reply *reply = reply_find(bridge->request, (struct text){bridge->reply, sizeof bridge->reply});
    if (reply) respond_with(bridge, reply, reply->status);
}

static void deliver(struct bridge *bridge, struct reply *reply) {
    bridge->answered = true;
    memcpy(bridge->reply, reply->secret, sizeof bridge->reply);
    struct codec_filter *filter = bridge->request->connection;
    /* A stream's connection goes back to its pool at its end; that is held. */
    bool ends = !bridge->request->is_stream || reply->is_error;
    if (filter && ends && !bridge->shadow && codec_filter_hold(filter, bridge)) return;
    respond_with(bridge, reply, reply->status);
}

/* Answer with an Error of the Python half; takes it over. Unclean: bytes were exchanged with the server. */
static void deliver_error(struct bridge *bridge, unsigned status, void *error, bool unclean) {
    struct reply *reply = reply_new(bridge->request, 0);
    if (!reply) return python_drop_later(error), give_up(bridge);
    reply->result = error;
    reply->is_error = true;
    reply->unclean = unclean;
    reply->status = status;
    deliver(bridge, reply);
}

/* Refuse the request by a method of the Request that returns the Error. */
static void refuse(struct bridge *bridge, const char *method, long counter) {
    count(bridge, counter);
    python_enter();
    void *error = python_call_method(bridge->request->object, method, NULL, NULL);
    python_leave();
    deliver_error(bridge, 400, error, false);
}

/* ---- the request */

static struct text find(const struct header *headers, size_t headers_count, struct text name) {
    for (size_t i = 0; i < headers_count; i++) {
        if (text_is(headers[i].name, name)) return headers[i].value;
    }
    return TEXT("");
}

static struct text host_of(struct text authority) {
    size_t size = authority.size;
    while (size && authority.data[size - 1] >= '0' && authority.data[size - 1] <= '9') size--;
    bool has_port = size && size < authority.size && authority.data[size - 1] == ':';
    return (struct text){authority.data, has_port ? size - 1 : authority.size};
}

/* The connection manager may have taken the port away (strip_any_host_port); a message carries none. */
static bool is_same_authority(struct text authority, struct text ours) {
    return text_is(authority, ours) || text_is(authority, host_of(ours));
}

/* A mirror's authority has "-shadow" after its host, unless the route says otherwise. */
static bool is_shadow_of(struct text authority, struct text ours) {
    struct text host = host_of(ours);
    if (!text_begins(authority, host)) return false;
    struct text rest = {authority.data + host.size, authority.size - host.size};
    if (!text_begins(rest, SHADOW)) return false;
    struct text port = {rest.data + SHADOW.size, rest.size - SHADOW.size};
    return !port.size || text_is(port, (struct text){ours.data + host.size, ours.size - host.size});
}

/* The message as the server gets it, from the Python half; false if it was refused. */
static bool change(struct bridge *bridge, const struct header *headers, size_t headers_count, bool authority) {
    python_enter();
    void *after = python_headers(headers, headers_count);
    void *changed = PyLong_FromLong(authority);
    bool ready = after && changed;
    void *bytes = ready ? python_call_method(bridge->request->object, "outgoing", after, changed) : NULL;
    bool late = ready && python_was_late();
    Py_DecRef(after);
    Py_DecRef(changed);
    bool good = bytes && PyTuple_Size(bytes) == 2 && python_bytes(PyTuple_GetItem(bytes, 0), &bridge->outgoing);
    PyErr_Clear();
    if (good) bridge->outgoing_holder = bytes, count(bridge, PyLong_AsLong(PyTuple_GetItem(bytes, 1)));
    else if (bytes) count(bridge, PyLong_AsLong(bytes));
    else count(bridge, late ? COUNT_DEADLINES : COUNT_CODEC_EXCEPTIONS);
    if (!good) Py_DecRef(bytes);
    void *error = good ? NULL : python_call_method(bridge->request->object, "refusal", NULL, NULL);
    python_report();
    python_leave();
    if (!good) deliver_error(bridge, 400, error, false);
    return good;
}

static void send(struct bridge *bridge) {
    struct request *request = bridge->request;
    bridge->sent = true;
    bool last = request->oneway && !request->secret_id;
    abi_bridge_send_upstream(bridge->envoy, bridge->outgoing.data, bridge->outgoing.size, last);
    if (!request->oneway) return;
    struct reply *reply = reply_new(request, 0);
    if (!reply) return give_up(bridge);
    reply->is_oneway = true;
    reply->unclean = last;
    reply->status = 200;
    deliver(bridge, reply);
}

/* A stream has one attempt: nobody else gets the messages that have left already. A mirror of it gets nothing. */
static void begin_stream(struct bridge *bridge) {
    struct request *request = bridge->request;
    if (bridge->shadow || request->opened) {
        bridge->shadow = true;
        refuse(bridge, "stream_cannot_be_repeated", -1);
        return;
    }
    request->opened = true;
    send(bridge);
}

void bridge_request_headers(void *object, bool end) {
    struct bridge *bridge = object;
    struct header few[FEW_HEADERS], *headers;
    size_t headers_count;
    abi_bridge_request_headers(bridge->envoy, &headers, &headers_count, few, FEW_HEADERS);
    struct request *request = request_find(find(headers, headers_count, HEADER_TOKEN));
    if (!request || request->state != ADMITTED) {
        if (headers != few) free(headers);
        bridge->answered = true;
        codec_config_count(COUNT_FORGED_REQUESTS);
        static atomic_flag said = ATOMIC_FLAG_INIT;
        if (!atomic_flag_test_and_set(&said)) {
            abi_log_error("metaprotocol: a bridge refuses a request that no codec filter made, or that `admission` or the "
                          "cluster's filter `attempt` did not see; further ones are only counted, as forged_requests");
        }
        respond(bridge, 400, NULL, 0, true);
        return;
    }
    bridge->request = request_keep(request);
    bridge->outgoing = request->message;
    struct text authority = find(headers, headers_count, TEXT(":authority"));
    bool same_authority = is_same_authority(authority, request->authority);
    bridge->shadow = !same_authority && is_shadow_of(authority, request->authority);
    bool same = headers_same(&request->config->request_rules, request->headers + request->own_count, request->count,
                             headers, headers_count);
    bool good = false;
    if (!text_is(find(headers, headers_count, TEXT(":method")), TEXT("POST"))) {
        refuse(bridge, "changed_method", COUNT_MUTATIONS_REFUSED);
    } else if (!text_is(find(headers, headers_count, TEXT(":path")), request->path)) {
        refuse(bridge, "changed_path", COUNT_MUTATIONS_REFUSED);
    } else {
        bool authority_changed = !same_authority && !bridge->shadow;
        good = (same && !authority_changed) || change(bridge, headers, headers_count, authority_changed);
    }
    if (headers != few) free(headers);
    if (good && request->is_stream) begin_stream(bridge);
    else if (good && end) send(bridge);
}

/* Send so much of a stream's later messages as Envoy's windows have let through. */
static void send_messages(struct bridge *bridge) {
    struct request *request = bridge->request;
    struct message *message;
    while ((message = request->to_server.first) && message->bytes.size <= bridge->credit) {
        messages_take(&request->to_server);
        bridge->credit -= message->bytes.size;
        /* When the client has ended the stream the server may still speak in it: this connection is used up. */
        abi_bridge_send_upstream(bridge->envoy, message->bytes.data, message->bytes.size, message->last);
        if (request->connection) codec_filter_stream_sent(request->connection, message->bytes.size);
        bool last = message->last;
        python_drop_later(message->holder);
        free(message);
        if (!last) continue;
        bridge->answered = true;
        struct codec_filter *filter = request->connection;
        if (filter) codec_filter_stream_abandoned(filter, request);
        return;
    }
}

/* Nothing of ours has a body or trailers: what comes is a filter's. */
void bridge_request_data(void *object, bool end) {
    struct bridge *bridge = object;
    if (!bridge->request) return;
    if (bridge->request->is_stream && bridge->sent) {
        bridge->credit += abi_bridge_request_size(bridge->envoy);
        if (!bridge->shadow) send_messages(bridge);
        return;
    }
    if (bridge->answered || bridge->sent) return;
    if (abi_bridge_request_size(bridge->envoy)) refuse(bridge, "changed_request_body", COUNT_BODIES_CHANGED);
    else if (end) send(bridge);
}

void bridge_request_trailers(void *object) {
    struct bridge *bridge = object;
    if (!bridge->request || bridge->answered || bridge->sent) return;
    refuse(bridge, "changed_request_body", COUNT_BODIES_CHANGED);
}

/* ---- the server's bytes */

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
    forget_received(bridge);
    count(bridge, COUNT_IN_FLIGHT_OVER_LIMIT);
    python_enter();
    void *error = python_call_method(bridge->request->object, "no_room", NULL, NULL);
    python_leave();
    deliver_error(bridge, 503, error, true);
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
        count(bridge, python_was_late() ? COUNT_DEADLINES : COUNT_CODEC_EXCEPTIONS);
    } else if (PyTuple_Size(result) >= 0) {
        void *answer = PyTuple_GetItem(result, 0);
        room = queue_messages(request, PyTuple_GetItem(result, 1)) && room;
        good = bridge->sent && room;
        if (!room) count(bridge, COUNT_IN_FLIGHT_OVER_LIMIT);
        if (good && PyObject_IsTrue(answer) && !(reply = make_reply(request, answer))) good = false;
        over = PyLong_AsLong(PyTuple_GetItem(result, 2));
        unclean = PyLong_AsLong(PyTuple_GetItem(result, 3));
    } else {
        PyErr_Clear();
        count(bridge, PyLong_AsLong(result));
    }
    void *error = NULL;
    if (!good && first) error = python_call_method(request->object, room ? "bad_response" : "no_room", NULL, NULL);
    Py_DecRef(result);
    python_report();
    python_leave();
    if (reply) deliver(bridge, reply);
    const char *lost = room ? "metaprotocol_bad_response" : "metaprotocol_no_room";
    struct codec_filter *filter = request->connection;
    if (!good && first) deliver_error(bridge, room ? 502 : 503, error, true);
    else if (filter && (!good || (over && unclean))) codec_filter_broken(filter, request, good ? NULL : lost);
    else if (filter) codec_filter_stream_messages(filter, request);
    if (good && over && !unclean && !bridge->dead) end_stream(bridge);
    request_release(request);
    bridge->busy = false;
    if (bridge->dead) bridge_free(bridge);
}

void bridge_response_data(void *object, bool end) {
    struct bridge *bridge = object;
    (void)end;
    if (bridge->request && bridge->request->is_stream) {
        if (!bridge->over && !bridge->shadow && !bridge->request->abandoned) stream_data(bridge);
        return;
    }
    if (bridge->answered || !bridge->request) return;
    if (requests_over_limit()) return answer_overflow(bridge);
    python_enter();
    void *result = feed(bridge);
    struct reply *reply = NULL;
    bool more = false;
    if (!result) {
        count(bridge, python_was_late() ? COUNT_DEADLINES : COUNT_CODEC_EXCEPTIONS);
    } else if (PyObject_IsTrue(result) == 0) { /* None */
        more = bridge->sent; /* a server that speaks before it was asked is not believed */
    } else if (PyTuple_Size(result) >= 0) {
        reply = bridge->sent ? make_reply(bridge->request, result) : NULL;
        if (bridge->sent && !reply) count(bridge, COUNT_CODEC_EXCEPTIONS); /* its message is not bytes */
        if (reply && reply->unclean) count(bridge, COUNT_UPSTREAM_CLOSED);
    } else {
        PyErr_Clear();
        count(bridge, PyLong_AsLong(result));
    }
    if (!more) forget_received(bridge);
    void *error = NULL;
    if (!reply && !more) error = python_call_method(bridge->request->object, "bad_response", NULL, NULL);
    Py_DecRef(result);
    python_report();
    python_leave();
    if (reply) deliver(bridge, reply);
    else if (!more) deliver_error(bridge, 502, error, true);
}
