/* The network filter before Envoy's HTTP connection manager. */
#include "codec_filter.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "abi.h"
#include "bridge.h"
#include "codec_config.h"
#include "exchange.h"
#include "http_filter.h"
#include "python.h"
#include "request.h"

enum { STREAMS_AT_MOST = 1 << 30, FED_AT_ONCE = 256 << 10 };

/* The Step of metaprotocol_envoy.connection. */
enum step { FORWARD, REPLY, CLOSE, STREAM };
enum detection { FOREIGN, OURS, UNSURE };
enum { NEEDS_REPLY, ONEWAY, ONEWAY_WITH_SECRET_ID, OPENS_STREAM };

static _Atomic long silent_connections; /* of the process */

void codec_filter_count(struct codec_filter *filter, long counter) {
    if (counter >= 0 && (size_t)counter < filter->config->counters_count) {
        abi_network_count(filter->envoy, filter->config->counters[counter], 1);
    }
}

void codec_filter_wake(struct codec_filter *filter) { exchange_post(filter); }

/* ---- birth and death */

void *codec_filter_new(void *config, void *envoy) {
    struct codec_filter *filter = calloc(1, sizeof *filter);
    if (!filter) return NULL;
    filter->config = codec_config_keep(config);
    filter->envoy = envoy;
    filter->next_id = 1;
    filter->max_streams = STREAMS_AT_MOST;
    filter->window = filter->initial_window = HTTP2_DEFAULT_WINDOW;
    filter->out = buffer_new(EXCHANGE_OUT_LIMIT);
    filter->rest = buffer_new(EXCHANGE_OUT_LIMIT);
    filter->reader = http2_reader_new();
    python_enter();
    void *connect = python_embedded("connect");
    filter->connection = connect ? python_call(connect, filter->config->service, NULL, NULL) : NULL;
    Py_DecRef(connect);
    /* A codec that fails here is counted when the client has connected: Envoy takes no filter for its own bug. */
    filter->late = !filter->connection && python_was_late();
    if (filter->connection && PyObject_IsTrue(filter->connection)) {
        filter->feed = PyObject_GetAttrString(filter->connection, "feed");
    }
    python_report();
    python_leave();
    filter->scheduler = abi_network_scheduler_new(envoy);
    if (filter->scheduler) return filter;
    codec_filter_free(filter);
    return NULL;
}

/* The connection has sent a whole message, or has gone. */
static void heard(struct codec_filter *filter) {
    if (filter->silent) atomic_fetch_sub(&silent_connections, 1);
    filter->silent = false;
}

void codec_filter_closed(void *object) {
    struct codec_filter *filter = object;
    if (filter->closed) return;
    filter->closed = true;
    http_filter_passed(); /* codec_filter_scheduled will not be called */
    heard(filter);
    if (filter->streams) {
        python_enter();
        Py_DecRef(python_call_method(filter->connection, "close", NULL, NULL));
        python_leave();
    }
    while (filter->held_first) codec_filter_unhold(filter, filter->held_first);
    while (filter->lingering) exchange_end_lingering(filter, filter->lingering);
    for (struct exchange *exchange = filter->first, *after; exchange; exchange = after) {
        after = exchange->after;
        exchange_free(exchange);
    }
    for (struct exchange *exchange = filter->ready, *after; exchange; exchange = after) {
        after = exchange->after;
        exchange_free(exchange);
    }
    if (filter->in_flight) abi_network_gauge_add(filter->envoy, filter->config->in_flight, -(int64_t)filter->in_flight);
    filter->first = filter->newest = filter->unsent = filter->ready = NULL;
    memset(filter->buckets, 0, sizeof filter->buckets);
}

void codec_filter_free(void *object) {
    struct codec_filter *filter = object;
    codec_filter_closed(filter);
    if (filter->scheduler) abi_network_scheduler_delete(filter->scheduler);
    request_release(filter->heartbeat);
    intake_free(&filter->intake);
    python_drop_later(filter->feed);
    python_drop_bytes(filter->connection, filter->kept);
    requests_add_bytes(-(int64_t)filter->kept);
    http2_reader_free(&filter->reader);
    buffer_free(&filter->out);
    buffer_free(&filter->rest);
    codec_config_release(filter->config);
    free(filter);
}

int codec_filter_connected(void *object) {
    struct codec_filter *filter = object;
    filter->connection_id = abi_network_connection_id(filter->envoy);
    filter->silent = true;
    if (!filter->feed) {
        atomic_fetch_add(&silent_connections, 1);
        codec_filter_count(filter, filter->late ? COUNT_DEADLINES : COUNT_CODEC_EXCEPTIONS);
        abi_network_close(filter->envoy, false, "metaprotocol_codec_failed");
        return ABI_STOP;
    }
    if (atomic_fetch_add(&silent_connections, 1) >= filter->config->max_silent) {
        codec_filter_count(filter, COUNT_SILENT_OVER_LIMIT);
        abi_network_close(filter->envoy, false, "metaprotocol_too_many_silent");
        return ABI_STOP;
    }
    abi_network_enable_half_close(filter->envoy); /* a client that has said all still waits for answers */
    return ABI_CONTINUE;
}

/* ---- back-pressure */

void codec_filter_watermark(void *object, bool above) {
    struct codec_filter *filter = object;
    filter->above = above;
    if (!above) exchange_post(filter);
    exchange_update_pause(filter);
}

bool codec_filter_hold(struct codec_filter *filter, struct bridge *bridge) {
    if (!filter->above && !filter->held_first) return false;
    bridge->held_by = filter;
    bridge->held_before = filter->held_last;
    if (filter->held_last) filter->held_last->held_after = bridge;
    else filter->held_first = bridge;
    filter->held_last = bridge;
    return true;
}

void codec_filter_unhold(struct codec_filter *filter, struct bridge *bridge) {
    if (bridge->held_before) bridge->held_before->held_after = bridge->held_after;
    else filter->held_first = bridge->held_after;
    if (bridge->held_after) bridge->held_after->held_before = bridge->held_before;
    else filter->held_last = bridge->held_before;
    bridge->held_by = NULL;
    bridge->held_before = bridge->held_after = NULL;
}

/* ---- HTTP/2 of the HTTP connection manager */

static void fail(struct codec_filter *filter, const char *reason) {
    if (filter->closed) return;
    filter->closing = true;
    abi_network_close(filter->envoy, true, reason);
}

int codec_filter_write(void *object, size_t size, bool end) {
    struct codec_filter *filter = object;
    if (filter->passes || filter->closed) return ABI_CONTINUE;
    struct chunks chunks;
    if (!abi_network_write_chunks(filter->envoy, &chunks)) return fail(filter, "metaprotocol_no_memory"), ABI_STOP;
    bool good = true;
    size_t answers = filter->out.size;
    for (size_t i = 0; i < chunks.count && good; i++) {
        good = http2_read(&filter->reader, (const uint8_t *)chunks.at[i].data, chunks.at[i].size, &ANSWER_EVENTS, filter,
                          &filter->out);
    }
    chunks_free(&chunks);
    abi_network_drain_write(filter->envoy, size);
    if (!good) return fail(filter, "metaprotocol_http2_error"), ABI_STOP;
    if (filter->out.size > answers) exchange_post(filter);
    exchange_flush(filter, true);
    (void)end;
    return ABI_CONTINUE;
}

/* ---- the client's bytes */

static struct text authority_of(struct codec_filter *filter, struct text authority) {
    if (!text_is(authority, TEXT("$dst"))) return authority;
    if (!*filter->destination) {
        struct text address;
        uint32_t port = 0;
        if (abi_network_local_address(filter->envoy, &address, &port)) {
            snprintf(filter->destination, sizeof filter->destination, "%.*s:%u", (int)address.size, address.data, port);
        }
    }
    return (struct text){filter->destination, strlen(filter->destination)};
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
    request->authority = authority_of(filter, python_text(PyTuple_GetItem(step, 3)));
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
    if (count > 0) heard(filter);
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

/* Hand what was written to the HTTP connection manager, past the bytes that are still in Envoy's read buffer. */
static void flush_out(struct codec_filter *filter) {
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

static void read_rest(struct codec_filter *filter) {
    size_t left = feed_all(filter, filter->rest.size - filter->rest_at);
    if (filter->closed || (left && !filter->last && !filter->closing)) return;
    buffer_free(&filter->rest);
    filter->half_closed = true;
    exchange_flush(filter, false);
}

int codec_filter_read(void *object, size_t size, bool end) {
    struct codec_filter *filter = object;
    if (filter->passes) return ABI_CONTINUE;
    if (filter->config->foreign && !filter->known) {
        enum detection detection = size ? detect(filter) : end ? FOREIGN : UNSURE;
        if (detection == FOREIGN || (detection == UNSURE && end)) {
            codec_filter_count(filter, COUNT_FOREIGN_CONNECTIONS);
            filter->passes = true;
            heard(filter);
            return ABI_CONTINUE;
        }
        if (detection == UNSURE) return ABI_STOP;
        filter->known = true;
    }
    size_t left = feed_all(filter, size);
    if (filter->closed) return ABI_STOP;
    if (left && !filter->last && !filter->closing && !end) { /* it is read again when the pause is over */
        flush_out(filter);
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

/* ---- later, on the worker */

static bool idle(struct codec_filter *filter) {
    if (filter->first) return false;
    if (filter->last || filter->half_closed) return true;
    if (!filter->draining || filter->rest.size) return false;
    return !filter->kept && !filter->intake.bytes;
}

void codec_filter_scheduled(void *object) {
    struct codec_filter *filter = object;
    filter->posted = false;
    http_filter_passed();
    if (filter->closed) return;
    if (filter->closing || idle(filter)) {
        filter->closing = true;
        abi_network_close(filter->envoy, true, filter->draining ? "metaprotocol_drained" : "metaprotocol_answered");
        return;
    }
    while (filter->held_first && !filter->above) {
        struct bridge *bridge = filter->held_first;
        codec_filter_unhold(filter, bridge);
        bridge_continue(bridge);
        if (filter->closed) return;
    }
    exchange_update_pause(filter);
    if (filter->rest.size) read_rest(filter);
    if (!filter->closed) flush_out(filter);
}
