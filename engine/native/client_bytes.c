/* The way in: the client's bytes go to the Python half, and its steps become exchanges. Copies the bytes and reads none;
 * takes apart the tuples of the Python half. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "abi.h"
#include "codec_config.h"
#include "exchange.h"
#include "python.h"
#include "request.h"

enum { FED_AT_ONCE = 256 << 10 };

/* The Step of metaprotocol_envoy.connection. */
enum step { FORWARD, REPLY, CLOSE, STREAM };
enum detection { FOREIGN, OURS, UNSURE };
enum { NEEDS_REPLY, ONEWAY, ONEWAY_WITH_SECRET_ID, OPENS_STREAM };

/* ---- steps */

/* The request outlives the connection, so it has a copy of what is the connection's. */
static struct text authority_of(struct codec_filter *filter, struct request *request, struct text authority) {
    if (!text_is(authority, TEXT("$dst"))) return authority;
    if (!*filter->destination) {
        struct text address;
        uint32_t port = 0;
        if (abi_network_local_address(filter->envoy, &address, &port)) {
            snprintf(filter->destination, sizeof filter->destination, "%.*s:%u", (int)address.size, address.data, port);
        }
    }
    memcpy(request->destination, filter->destination, sizeof request->destination);
    return (struct text){request->destination, strlen(request->destination)};
}

/* (FORWARD, counter, path, authority, own headers, property headers, message, request, kind) */
static bool forward(struct codec_filter *filter, void *step) {
    void *object = PyTuple_GetItem(step, 7), *own = PyTuple_GetItem(step, 4), *flat = PyTuple_GetItem(step, 5);
    size_t limit = (size_t)filter->config->max_in_flight;
    if (limit > filter->max_streams) limit = filter->max_streams;
    if (filter->in_flight >= limit) exchange_reset_lingering(filter);
    struct text message;
    if (!python_bytes(PyTuple_GetItem(step, 6), &message)) {
        codec_filter_count(filter, COUNT_CODEC_EXCEPTIONS);
        static atomic_flag said = ATOMIC_FLAG_INIT;
        if (!atomic_flag_test_and_set(&said)) abi_log_error("metaprotocol: a codec's message is not bytes, a bug in it");
        return false;
    }
    struct request *request = NULL;
    size_t own_count = (size_t)PyTuple_Size(own) / 2, count = (size_t)PyTuple_Size(flat) / 2;
    if (filter->in_flight < limit && !requests_over_limit()) request = request_new(own_count + count);
    struct exchange *exchange = exchange_add(filter, request);
    if (!exchange) {
        request_release(request);
        codec_filter_count(filter, COUNT_IN_FLIGHT_OVER_LIMIT);
        return false;
    }
    if (!request) {
        answer_overflow(filter, exchange, object);
        exchange_finish(filter, exchange);
        return true;
    }
    Py_IncRef(step);
    request->holder = step;
    request->object = object;
    request->config = codec_config_keep(filter->config);
    request->connection = filter;
    request->connection_id = filter->connection_id;
    request->path = python_text(PyTuple_GetItem(step, 2));
    request->authority = authority_of(filter, request, python_text(PyTuple_GetItem(step, 3)));
    request->own_count = own_count;
    request->count = count;
    python_read_headers(request->headers, own, own_count);
    python_read_headers(request->headers + own_count, flat, count);
    long wait = PyLong_AsLong(PyTuple_GetItem(step, 8));
    request->oneway = wait == ONEWAY || wait == ONEWAY_WITH_SECRET_ID;
    request->secret_id = wait == ONEWAY_WITH_SECRET_ID;
    request->is_stream = wait == OPENS_STREAM;
    filter->streams |= request->is_stream;
    request_set_message(request, message);
    filter->in_flight++;
    filter->held += message.size;
    abi_network_gauge_add(filter->envoy, filter->config->in_flight, 1);
    if (filter->config->one_by_one && exchange_waiting(filter) > 1) {
        if (!filter->unsent) filter->unsent = exchange;
    } else {
        exchange_send_or_refuse(filter, exchange);
    }
    return true;
}

/* A heartbeat that is answered here must keep the client's connection, too: the HTTP connection manager counts idleness in
 * requests. It gets one that the admission filter answers, once a second at most, if it has no other. */
static void keep_alive(struct codec_filter *filter) {
    time_t now = time(NULL);
    if (filter->in_flight || filter->kept_alive == now) return;
    filter->kept_alive = now;
    struct request *request = request_new(0);
    if (!request) return;
    struct exchange *exchange = calloc(1, sizeof *exchange);
    if (!exchange) return request_release(request);
    request->keeps_alive = true;
    request->connection = filter;
    request->connection_id = filter->connection_id;
    request->path = TEXT("/");
    request->authority = TEXT("heartbeat");
    exchange->request = request;
    bool sent = exchange_send(filter, exchange);
    if (sent) exchange_forget_id(filter, exchange); /* nobody waits for the answer */
    free(exchange);
    if (!sent) return request_release(request);
    request_release(filter->heartbeat);
    filter->heartbeat = request;
}

static bool take_step(struct codec_filter *filter, void *step) {
    long kind = PyLong_AsLong(PyTuple_GetItem(step, 0));
    codec_filter_count(filter, PyLong_AsLong(PyTuple_GetItem(step, 1)));
    if (kind == FORWARD) return forward(filter, step);
    if (kind == STREAM) return stream_forward(filter, step);
    if (kind == CLOSE) {
        filter->last = true;
        return true;
    }
    struct exchange *exchange = exchange_add(filter, NULL);
    if (!exchange) return codec_filter_count(filter, COUNT_IN_FLIGHT_OVER_LIMIT), false;
    Py_IncRef(step);
    exchange->holder = step;
    exchange->answered = true;
    python_bytes(PyTuple_GetItem(step, 2), &exchange->answer);
    exchange->ends = PyLong_AsLong(PyTuple_GetItem(step, 3));
    if (exchange->ends) filter->last = true;
    if (PyLong_AsLong(PyTuple_GetItem(step, 4))) keep_alive(filter);
    exchange_finish(filter, exchange);
    return true;
}

/* ---- bytes */

static bool read_chunks(struct codec_filter *filter, struct chunks *chunks) {
    if (!filter->rest.size) return abi_network_read_chunks(filter->envoy, chunks);
    chunks->at = chunks->few;
    chunks->count = 1;
    chunks->size = filter->rest.size - filter->rest_at;
    chunks->few[0] = (struct text){(const char *)filter->rest.data + filter->rest_at, chunks->size};
    return true;
}

static void drain(struct codec_filter *filter, size_t size) {
    if (filter->rest.size) filter->rest_at += size;
    else abi_network_drain_read(filter->envoy, size);
}

/* Hand at most `size` bytes to the codec; `size` becomes how many were taken. */
static bool feed(struct codec_filter *filter, size_t *size) {
    struct chunks chunks;
    if (!read_chunks(filter, &chunks)) return false;
    if (*size > chunks.size) *size = chunks.size;
    python_enter();
    struct intake *intake = &filter->intake;
    void *bytes = NULL;
    bool good = true;
    if (!intake->bytes) intake_begin(intake, filter->connection, &chunks, *size);
    if (intake->bytes) {
        *size = intake_take(intake, &chunks, *size);
        if (intake_full(intake)) bytes = intake_finish(intake);
    } else {
        struct text copy;
        bytes = PyBytes_FromStringAndSize(NULL, (ssize_t)*size);
        good = python_bytes(bytes, &copy);
        if (good) chunks_copy(&chunks, (void *)copy.data, copy.size);
    }
    chunks_free(&chunks);
    drain(filter, *size);
    if (good && !bytes) return python_leave(), true; /* more must come */
    void *steps = good ? python_call(filter->feed, bytes, NULL, NULL) : NULL;
    if (good && !steps) answer_count_failure(filter);
    Py_DecRef(bytes);
    good = steps;
    ssize_t count = steps ? PyList_Size(steps) : 0;
    if (count > 0) codec_filter_heard(filter);
    for (ssize_t i = 0; i < count && good && !filter->last; i++) good = take_step(filter, PyList_GetItem(steps, i));
    Py_DecRef(steps);
    if (good && !filter->last && !intake_count_kept(filter->connection, &filter->kept)) {
        codec_filter_count(filter, COUNT_IN_FLIGHT_OVER_LIMIT);
        filter->last = true;
    }
    python_report();
    python_leave();
    return good;
}

/* Whose protocol the first bytes are, a Detection of the Python half. They stay in Envoy's buffer. */
static enum detection detect(struct codec_filter *filter) {
    struct chunks chunks;
    if (!abi_network_read_chunks(filter->envoy, &chunks)) return FOREIGN;
    python_enter();
    void *bytes = PyBytes_FromStringAndSize(NULL, (ssize_t)chunks.size);
    struct text copy;
    if (python_bytes(bytes, &copy)) chunks_copy(&chunks, (void *)copy.data, copy.size);
    void *verdict = python_call_method(filter->config->service, "detect", bytes, NULL);
    enum detection detection = verdict ? (enum detection)PyLong_AsLong(verdict) : OURS;
    Py_DecRef(verdict);
    Py_DecRef(bytes);
    python_report();
    python_leave();
    chunks_free(&chunks);
    return detection;
}

void client_flush_out(struct codec_filter *filter) {
    if (!filter->out.size || !filter->begun) return;
    struct buffer out = filter->out;
    filter->out = buffer_new(EXCHANGE_OUT_LIMIT);
    abi_network_inject_read(filter->envoy, out.data, out.size, false);
    buffer_free(&out);
}

/* Hand bytes to the codec; return how many are left. Part by part, since a part may hold many messages: a call has a
 * deadline, and what is answered here may fill the client's write buffer. */
static size_t feed_all(struct codec_filter *filter, size_t left) {
    while (left && !filter->last && !filter->closing && !filter->paused && !filter->closed) {
        size_t part = left < FED_AT_ONCE ? left : FED_AT_ONCE;
        if (!feed(filter, &part)) filter->last = true;
        left -= part;
        exchange_flush(filter, false);
    }
    return left;
}

/* Envoy reads again when a pause is over, but not when the client has closed its half: keep what is left. */
static void keep_rest(struct codec_filter *filter, size_t left) {
    struct chunks chunks;
    uint8_t *room = buffer_reserve(&filter->rest, left);
    if (!room || !abi_network_read_chunks(filter->envoy, &chunks)) {
        filter->last = true;
        return;
    }
    chunks_copy(&chunks, room, left);
    chunks_free(&chunks);
    filter->rest.size = left;
}

void client_read_rest(struct codec_filter *filter) {
    size_t left = feed_all(filter, filter->rest.size - filter->rest_at);
    if (filter->closed || (left && !filter->last && !filter->closing)) return;
    buffer_free(&filter->rest);
    filter->half_closed = true;
    exchange_flush(filter, false);
}

/* Envoy closes a connection of HTTP whose client has closed its half, and would not while half-close is enabled. If that
 * has come already, it is closed as soon as the HTTP connection manager has got the bytes before it. */
static void pass(struct codec_filter *filter, bool end) {
    codec_filter_count(filter, COUNT_FOREIGN_CONNECTIONS);
    codec_filter_heard(filter);
    filter->passes = true;
    abi_network_enable_half_close(filter->envoy, false);
    filter->closing = end;
    if (end) exchange_post(filter);
}

int codec_filter_read(void *object, size_t size, bool end) {
    struct codec_filter *filter = object;
    if (filter->passes) return ABI_CONTINUE;
    if (filter->config->foreign && !filter->known) {
        enum detection detection = size ? detect(filter) : end ? FOREIGN : UNSURE;
        if (detection == FOREIGN || (detection == UNSURE && end)) {
            pass(filter, end);
            return ABI_CONTINUE;
        }
        if (detection == UNSURE) return ABI_STOP;
        filter->known = true;
    }
    size_t left = feed_all(filter, size);
    if (filter->closed) return ABI_STOP;
    if (left && !filter->last && !filter->closing && !end) { /* it is read again when the pause is over */
        client_flush_out(filter);
        return ABI_STOP;
    }
    if (left && !filter->last && !filter->closing) keep_rest(filter, left);
    if (left) abi_network_drain_read(filter->envoy, left);
    if (end && !filter->rest.size) filter->half_closed = true;
    if (filter->out.size) {
        abi_network_append_read(filter->envoy, filter->out.data, filter->out.size);
        buffer_clear(&filter->out);
        exchange_flush(filter, false);
        return ABI_CONTINUE;
    }
    exchange_flush(filter, false);
    return ABI_STOP;
}
